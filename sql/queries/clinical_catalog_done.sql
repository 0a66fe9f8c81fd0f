with handed as (delete from landing.clinical_record where received_id = any(%(ids)s))
update landing.received_clinical
set state = 'deidentified', reason_code = null, reason = null, instruction = null, changed_at = now()
where id = any(%(ids)s)
