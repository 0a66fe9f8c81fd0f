with moved as (
  update landing.received_series
  set state = 'quarantined', reason_code = %(reason_code)s, reason = %(reason)s, attempts = attempts + 1,
      changed_at = now()
  where id = %(id)s and state <> 'deidentified'   -- what is published stays published; the finding is noted
)
insert into landing.quarantine (series_id, stage, reason_code, reason, instruction, uri)
values (%(id)s, %(stage)s, %(reason_code)s, %(reason)s, %(instruction)s, %(uri)s)
on conflict (series_id, stage, reason_code) do update
  set reason = excluded.reason, instruction = excluded.instruction, uri = excluded.uri, quarantined_at = now();
