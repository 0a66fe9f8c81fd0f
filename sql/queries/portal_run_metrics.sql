-- Metrics of a run, the primary one first.
select arm, name, kind, is_primary, estimate, lower, upper, level, interval_method, n_total, n_ok, unit, better
from experiment.metric
where run_id = %(id)s
order by is_primary desc, name, arm
