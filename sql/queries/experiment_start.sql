-- A repeated first task finds the run it started. Visibility is narrowed to what both inputs allow: inputs of
-- two different teams leave it private.
insert into experiment.run
  (spec_id, cohort_id, dag_id, dag_run_id, owner, team, visibility, runtime, runtime_reason, code_version,
   parameters, case_count)
select %(spec_id)s, %(cohort_id)s, %(dag_id)s, %(dag_run_id)s, %(owner)s, shared.team,
       case when shared.visibility = 'team' and shared.team is null then 'private' else shared.visibility end,
       %(runtime)s, %(runtime_reason)s, %(code_version)s, %(parameters)s::jsonb, %(case_count)s
from experiment.cohort c
cross join experiment.spec s
cross join lateral (
  select least(%(visibility)s::access.visibility, c.visibility, s.visibility) as visibility,
         case when c.visibility = 'team' and s.visibility = 'team' then case when c.team = s.team then c.team end
              when c.visibility = 'team' then c.team
              when s.visibility = 'team' then s.team
              else coalesce(c.team, s.team) end as team) shared
where c.id = %(cohort_id)s and s.id = %(spec_id)s
on conflict (dag_id, dag_run_id) do update
  set state = 'running', ended_at = null, reason = null, runtime = excluded.runtime,
      runtime_reason = excluded.runtime_reason, code_version = excluded.code_version,
      case_count = excluded.case_count
returning id;
