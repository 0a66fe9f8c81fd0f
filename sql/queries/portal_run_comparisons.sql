-- Paired differences between the arms of a run.
select arm_a, arm_b, metric, difference, lower, upper, p_value, method, n
from experiment.comparison
where run_id = %(id)s
order by metric, arm_a, arm_b
