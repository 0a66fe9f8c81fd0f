-- The asking person's uploads, newest first, with counts; one where an id is given.
select u.id, u.owner, u.team, u.visibility::text as visibility, u.collection, u.licence, u.licence_uri, u.state,
       u.reason_code, u.reason, u.opened_at, u.received_at, u.done_at, u.changed_at, u.forgotten_at is not null as forgotten,
       f.file_count, f.received_count, f.byte_count, f.done_bytes,
       s.series_count, s.patient_count, s.held_count, s.released_count, s.rejected_count, s.quarantined_count,
       v.accepted_count, v.duplicate_count, v.refused_count
from upload.upload u
cross join lateral (
  select count(*) filter (where f.state <> 'left') as file_count,
         count(*) filter (where f.state = 'received') as received_count,
         coalesce(sum(f.byte_count) filter (where f.state <> 'left'), 0)::bigint as byte_count,
         coalesce(sum(f.done_bytes) filter (where f.state <> 'left'), 0)::bigint as done_bytes
  from upload.file f where f.upload_id = u.id) f
cross join lateral (
  select count(*) as series_count, count(distinct s.patient_number) as patient_count,
         count(*) filter (where s.stage = 'held') as held_count,
         count(*) filter (where s.stage = 'released') as released_count,
         count(*) filter (where s.stage = 'rejected') as rejected_count,
         count(*) filter (where s.stage = 'quarantined') as quarantined_count
  from upload.series s where s.upload_id = u.id) s
cross join lateral (
  select count(*) filter (where v.code = 'accepted') as accepted_count,
         count(*) filter (where v.code = 'duplicate') as duplicate_count,
         count(*) filter (where v.code not in ('accepted', 'duplicate')) as refused_count
  from upload.verdict v where v.upload_id = u.id) v
where u.owner = %(owner)s and (%(id)s::bigint is null or u.id = %(id)s)
order by u.id desc
