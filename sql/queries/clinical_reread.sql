-- A patient who is new or changed may have other names: whatever is of the patient is read again.
update landing.received_clinical r
set state = 'received', reason_code = null, reason = null, instruction = null, changed_at = now()
from staged_clinical s
join landing.received_clinical p
  on p.source = %(source)s and p.collection = %(collection)s and p.resource_key = s.resource_key
where s.kind = 'patient' and p.run_id = %(run_id)s and p.state = 'received'
  and r.source = %(source)s and r.collection = %(collection)s and r.patient_key = s.resource_key
  and r.kind <> 'patient' and r.state <> 'received'
