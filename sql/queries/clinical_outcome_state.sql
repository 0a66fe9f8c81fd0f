update landing.received_clinical r
set state = s.state, reason_code = s.reason_code, reason = s.reason, instruction = s.instruction, changed_at = now()
from staged_outcome s where s.id = r.id and s.state is not null and r.sha256 = s.sha256
