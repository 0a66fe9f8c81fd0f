-- Reports that count and that this person may see; those of one batch, state or series where asked for.
select r.id, r.batch_id, b.name as batch, r.received_id as number, r.kind, r.series_uid, r.patient_alias, r.reason_code,
       r.object_count, r.finding_count, r.verified,
       array(select jsonb_object_keys(r.modalities) order by 1) as modalities,
       r.actions, r.outcomes, r.cuts, r.report_sha256, r.content_sha256, r.policy_sha256, r.created_at,
       r.owner, r.team, r.visibility::text as visibility
from catalog.deid_outcome o
join catalog.deid_report r on r.id = o.report_id
join catalog.deid_batch b on b.id = o.batch_id
where (%(batch)s::bigint is null or o.batch_id = %(batch)s)
  and (%(kind)s::text is null or o.kind = %(kind)s)
  and (%(series_uid)s::text is null or r.series_uid = %(series_uid)s)
order by r.batch_id desc, r.kind desc, r.patient_alias, r.series_uid, r.received_id
