-- Paired differences between the arms of a run.
select arm_a, arm_b, metric, difference, lower, upper, level, p_value, p_adjusted, method, note, n
from experiment.comparison
where run_id = %(id)s
order by metric, arm_a, arm_b
