-- What each step did to each case; the failures where a status is asked for.
select arm, step, series_uid, status, reason_code, reason, fingerprint, reused, runtime, digest, exit_code,
       duration_s, peak_memory_mb, inputs, outputs, recorded_at
from experiment.step_run
where run_id = %(id)s
  and (%(status)s::text is null or status = %(status)s)
order by recorded_at, step, arm, series_uid
