-- This run's own result first, then the newest of any run: same code, same inputs, same result.
select run_id, reused, fingerprint, runtime, digest, exit_code, duration_s, peak_memory_mb, inputs, outputs, uri
from experiment.step_run
where fingerprint = %(fingerprint)s and status = 'ok'
order by (run_id = %(run_id)s) desc, run_id desc
limit 3;
