-- Metrics of a run, the primary one first.
select arm, name, kind, coalesce(nullif(label, ''), replace(name, '_', ' ')) as label, is_primary, estimate, lower,
       upper, level, interval_method, n_total, n_ok, n_patients, unit, better, note, details
from experiment.metric
where run_id = %(id)s
order by is_primary desc, name, arm
