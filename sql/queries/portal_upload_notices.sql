-- Uploads of which series are held for curators, and how many of them the asking curator has not been told of.
select n.upload_id, u.owner, u.collection, n.series_count, n.changed_at,
       greatest(n.series_count - coalesce(s.series_count, 0), 0) as new_count
from upload.notice n
join upload.upload u on u.id = n.upload_id
left join upload.notice_seen s on s.upload_id = n.upload_id and s.account = access.current_account()
where n.series_count > coalesce(s.series_count, 0)
order by n.changed_at desc, n.upload_id desc
