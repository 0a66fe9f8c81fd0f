insert into experiment.comparison
  (run_id, arm_a, arm_b, metric, difference, lower, upper, level, p_value, p_adjusted, method, note, n)
values (%(run_id)s, %(arm_a)s, %(arm_b)s, %(metric)s, %(difference)s, %(lower)s, %(upper)s, %(level)s,
        %(p_value)s, %(p_adjusted)s, %(method)s, %(note)s, %(n)s);
