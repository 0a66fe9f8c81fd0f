-- A repeated first task finds the run it started; visibility is narrowed to what the inputs allow.
insert into experiment.run
  (spec_id, cohort_id, dag_id, dag_run_id, owner, team, visibility, runtime, runtime_reason, code_version,
   parameters, case_count)
select %(spec_id)s, %(cohort_id)s, %(dag_id)s, %(dag_run_id)s, %(owner)s, %(team)s,
       least(%(visibility)s::access.visibility, c.visibility, s.visibility),
       %(runtime)s, %(runtime_reason)s, %(code_version)s, %(parameters)s::jsonb, %(case_count)s
from experiment.cohort c, experiment.spec s
where c.id = %(cohort_id)s and s.id = %(spec_id)s
on conflict (dag_id, dag_run_id) do update
  set state = 'running', ended_at = null, reason = null, runtime = excluded.runtime,
      runtime_reason = excluded.runtime_reason, code_version = excluded.code_version,
      case_count = excluded.case_count
returning id;
