insert into experiment.step_run
  (run_id, arm, step, series_uid, status, reason_code, reason, fingerprint, reused, runtime, digest, exit_code,
   duration_s, peak_memory_mb, inputs, outputs, uri)
values (%(run_id)s, %(arm)s, %(step)s, %(series_uid)s, %(status)s, %(reason_code)s, %(reason)s, %(fingerprint)s,
        %(reused)s, %(runtime)s, %(digest)s, %(exit_code)s, %(duration_s)s, %(peak_memory_mb)s,
        %(inputs)s::jsonb, %(outputs)s::jsonb, %(uri)s)
on conflict (run_id, arm, step, series_uid) do update
  set status = excluded.status, reason_code = excluded.reason_code, reason = excluded.reason,
      fingerprint = excluded.fingerprint, reused = excluded.reused, runtime = excluded.runtime,
      digest = excluded.digest, exit_code = excluded.exit_code, duration_s = excluded.duration_s,
      peak_memory_mb = excluded.peak_memory_mb, inputs = excluded.inputs, outputs = excluded.outputs,
      uri = excluded.uri, recorded_at = now();
