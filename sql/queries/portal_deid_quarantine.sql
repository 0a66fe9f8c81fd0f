-- Series in quarantine that wait for a person, oldest first; without those that went through later or were decided.
-- What fetching refused has no report and no batch.
select r.id, 'deidentify' as stage, r.batch_id, b.name as batch, r.received_id as number, null::text as source,
       null::text as collection, r.reason_code,
       r.report ->> 'reason' as reason, r.report ->> 'instruction' as instruction,
       array(select jsonb_array_elements_text(r.report -> 'details')) as details,
       r.object_count as file_count, array(select jsonb_object_keys(r.modalities) order by 1) as modalities,
       r.created_at, r.owner, r.team, r.visibility::text as visibility
from catalog.deid_outcome o
join catalog.deid_report r on r.id = o.report_id
join catalog.deid_batch b on b.id = r.batch_id
where o.waits
  and (%(code)s::text is null or r.reason_code = %(code)s)
union all
select null, 'fetch', null, null, f.number, f.source, f.collection, f.reason_code, f.reason, f.instruction, '{}',
       f.file_count, '{}', f.created_at, f.owner, f.team, f.visibility::text
from catalog.fetch_refused() f
where %(code)s::text is null or f.reason_code = %(code)s
order by created_at, number
