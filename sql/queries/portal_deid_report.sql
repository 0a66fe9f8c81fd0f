-- One report, whole; also one that a later one has replaced.
select r.id, r.batch_id, b.name as batch, r.received_id as number, r.kind, r.report, r.created_at,
       r.owner, r.team, r.visibility::text as visibility,
       r.id = catalog.deid_last(r.batch_id, r.received_id) as is_last,
       array(select p.sha256 from catalog.deid_picture p where p.report_id = r.id order by p.name) as pictures
from catalog.deid_report r
join catalog.deid_batch b on b.id = r.batch_id
where r.id = %(id)s
