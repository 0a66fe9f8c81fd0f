-- Uploads that nobody goes on with end.
update upload.upload u set state = 'expired', changed_at = now()
where u.state = 'open' and greatest(u.changed_at, (select max(f.changed_at) from upload.file f where f.upload_id = u.id))
  < now() - make_interval(days => %(days)s);
