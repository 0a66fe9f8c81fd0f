-- Runs this person may see, newest first; one of them where an id or an Airflow run is given.
-- A case is complete when every arm has a value for it.
select r.id, coalesce(s.name, substr(r.dag_id, 5)) as experiment, s.title, s.revision, s.spec,
       r.cohort_id, c.name as cohort, c.version as cohort_version, c.english as cohort_english, c.cohort_sha256,
       r.dag_id, r.dag_run_id, r.state, r.reason, r.owner, r.team, r.visibility::text as visibility,
       r.runtime, r.runtime_reason, r.code_version, r.parameters, r.case_count,
       r.started_at, r.ended_at,
       extract(epoch from coalesce(r.ended_at, now()) - r.started_at)::double precision as duration_s,
       (select count(*) from (
          select from experiment.case_result v
          where v.run_id = r.id and v.value is not null
          group by v.series_uid
          having count(distinct v.arm) >= arms.wanted) whole) as complete_count,
       (select count(distinct t.series_uid) from experiment.step_run t
        where t.run_id = r.id and t.status <> 'ok') as failed_count
from experiment.run r
left join experiment.spec s on s.id = r.spec_id
left join experiment.cohort c on c.id = r.cohort_id
cross join lateral (
  select coalesce(round(exp(sum(ln(jsonb_array_length(e -> 'arms'))))), 1) as wanted
  from jsonb_array_elements(coalesce(s.spec -> 'steps', '[]')) as e
  where jsonb_typeof(e -> 'arms') = 'array') arms   -- one choice per step that has arms
where (%(id)s::bigint is null or r.id = %(id)s)
  and (%(dag_id)s::text is null or r.dag_id = %(dag_id)s)
  and (%(dag_run_id)s::text is null or r.dag_run_id = %(dag_run_id)s)
  and (%(experiment)s::text is null or s.name = %(experiment)s)
  and (%(state)s::text is null or r.state = %(state)s)
order by r.id desc
