insert into upload.notice_seen (upload_id, account, series_count)
select n.upload_id, access.current_account(), n.series_count from upload.notice n
on conflict (upload_id, account) do update set series_count = excluded.series_count, seen_at = now()
