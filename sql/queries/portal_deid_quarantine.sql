-- Series in quarantine that wait for a person, oldest first; without those that went through later or were decided.
select r.id, r.batch_id, b.name as batch, r.received_id as number, r.reason_code,
       r.report ->> 'reason' as reason, r.report ->> 'instruction' as instruction,
       array(select jsonb_array_elements_text(r.report -> 'details')) as details,
       r.object_count as file_count, array(select jsonb_object_keys(r.modalities) order by 1) as modalities,
       r.created_at, r.owner, r.team, r.visibility::text as visibility
from catalog.deid_report r
join catalog.deid_batch b on b.id = r.batch_id
where r.kind = 'quarantine'
  and catalog.deid_waits(r.received_id, r.id)
  and (%(code)s::text is null or r.reason_code = %(code)s)
order by r.created_at, r.id
