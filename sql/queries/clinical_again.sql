update landing.received_clinical
set state = 'received', reason_code = null, reason = null, instruction = null, changed_at = now()
where state = 'quarantined' and reason_code not in ('unreadable', 'charset', 'no-patient')
