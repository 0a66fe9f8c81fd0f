insert into experiment.metric
  (run_id, arm, name, kind, label, is_primary, estimate, lower, upper, level, interval_method, n_total, n_ok,
   n_patients, unit, better, note, details)
values (%(run_id)s, %(arm)s, %(name)s, %(kind)s, %(label)s, %(is_primary)s, %(estimate)s, %(lower)s, %(upper)s,
        %(level)s, %(interval_method)s, %(n_total)s, %(n_ok)s, %(n_patients)s, %(unit)s, %(better)s, %(note)s,
        %(details)s::jsonb);
