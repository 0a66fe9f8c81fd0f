-- A patient who is new or changed may have other names: whatever is of the patient is read again.
update landing.received_clinical r
set state = 'received', reason_code = null, reason = null, instruction = null, changed_at = now()
where r.patient_key = any (array(
    select p.resource_key from landing.received_clinical p
    where p.run_id = %(run_id)s and p.kind = 'patient' and p.state = 'received'))
  and r.source = %(source)s and r.collection = %(collection)s and r.state <> 'received'
