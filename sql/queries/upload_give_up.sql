-- Uploads whose sorting failed again and again: the sender is told, an engineer looks at the task's log.
update upload.upload
set state = 'failed', reason_code = 'gave-up', done_at = now(), changed_at = now(),
    reason = 'Sorting it failed several times. A data engineer finds out why; send it again after that.'
where state = 'received' and attempts >= %(most)s and changed_at < now() - interval '1 hour';
