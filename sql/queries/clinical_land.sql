-- The last of several under one name counts. What is here already with the same content stays as it is.
insert into landing.received_clinical as r
  (run_id, source, collection, format, kind, resource_key, patient_key, sha256, uri, position, byte_count, state,
   reason_code, reason, instruction, owner, team, visibility, release)
select %(run_id)s, %(source)s, %(collection)s, %(format)s, s.kind, s.resource_key, s.patient_key, s.sha256, s.uri,
       s.position, s.byte_count, case when s.reason_code is null then 'received' else 'quarantined' end, s.reason_code,
       s.reason, s.instruction, %(account)s, %(team)s, %(visibility)s, %(release)s
from (select distinct on (resource_key) * from staged_clinical order by resource_key, n desc) s
order by s.n
on conflict (source, collection, resource_key) do update
  set run_id = excluded.run_id, format = excluded.format, kind = excluded.kind, patient_key = excluded.patient_key,
      sha256 = excluded.sha256, uri = excluded.uri, position = excluded.position, byte_count = excluded.byte_count,
      state = excluded.state, reason_code = excluded.reason_code, reason = excluded.reason,
      instruction = excluded.instruction, owner = excluded.owner, team = excluded.team,
      visibility = excluded.visibility, release = excluded.release, changed_at = now()
  where r.sha256 <> excluded.sha256
