update catalog.fetched_series set bytes_done = %(bytes_done)s, changed_at = now()
where received_id = %(id)s and state in ('wanted', 'failed');
