-- Every case of a run in every arm: value, truth, and what each step did to it.
with run as (
  select id, cohort_id, case_count from experiment.run where id = %(id)s
), named as (
  select a.arm from experiment.run_algorithm a join run on a.run_id = run.id where a.arm <> ''
  union
  select v.arm from experiment.case_result v join run on v.run_id = run.id where v.arm <> ''
), arms as (   -- a step that some arms share has only a part of their choices in its name; it is no arm itself
  select n.arm from named n
  where not exists (select from named o where o.arm <> n.arm
                    and string_to_array(n.arm, '-') <@ string_to_array(o.arm, '-'))
  union
  select '' where not exists (select from named)
), cases as (
  select m.series_uid from experiment.cohort_member m join run using (cohort_id)
  where (select count(*) from experiment.cohort_member n join run using (cohort_id)) <= (select case_count from run)
  union
  select t.series_uid from experiment.step_run t join run on t.run_id = run.id
)
select cases.series_uid, arms.arm, member.patient_alias, s.collection, s.derived,
       s.attributes ->> 'DerivationDescription' as derivation,
       (select string_agg(distinct o.origin, '; ') from catalog.truth o
        where o.series_uid = cases.series_uid) as truth_origin,
       v.name, v.value, v.truth, v.value - v.truth as error,
       case when broken.step is not null then 'failed' when v.value is not null then 'ok' else 'pending' end as status,
       broken.step as failed_step, broken.reason_code, broken.reason,
       coalesce(done.steps, '[]') as steps
from cases
cross join arms
cross join run
left join experiment.cohort_member member
  on member.cohort_id = run.cohort_id and member.series_uid = cases.series_uid
left join catalog.series s on s.series_uid = cases.series_uid
left join experiment.case_result v
  on v.run_id = run.id and v.series_uid = cases.series_uid and v.arm = arms.arm
left join lateral (
  select t.step, t.reason_code, t.reason from experiment.step_run t
  where t.run_id = run.id and t.series_uid = cases.series_uid and t.status <> 'ok'
    and string_to_array(t.arm, '-') <@ string_to_array(arms.arm, '-')
  order by t.status = 'skipped', t.recorded_at, t.step
  limit 1) broken on true
left join lateral (
  select jsonb_agg(jsonb_build_object(
           'step', t.step, 'arm', t.arm, 'status', t.status, 'reason_code', t.reason_code, 'reason', t.reason,
           'duration_s', t.duration_s, 'reused', t.reused) order by t.recorded_at, t.step) as steps
  from experiment.step_run t
  where t.run_id = run.id and t.series_uid = cases.series_uid
    and string_to_array(t.arm, '-') <@ string_to_array(arms.arm, '-')) done on true
order by member.patient_alias, cases.series_uid, arms.arm, v.name
