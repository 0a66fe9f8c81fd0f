-- Each step of a run in the order of its specification: which algorithm, and how many cases it has done.
select a.step, coalesce(place.title, a.step) as step_title, a.arm, a.algorithm, a.digest, v.version, g.title,
       count(t.series_uid) filter (where t.status = 'ok') as ok_count,
       count(t.series_uid) filter (where t.status = 'failed') as failed_count,
       count(t.series_uid) filter (where t.status = 'skipped') as skipped_count,
       count(t.series_uid) filter (where t.reused) as reused_count,
       sum(t.duration_s) as duration_s,
       r.case_count
from experiment.run r
join experiment.run_algorithm a on a.run_id = r.id
left join experiment.spec s on s.id = r.spec_id
left join lateral (select e.no, e.step ->> 'title' as title from jsonb_array_elements(s.spec -> 'steps') with ordinality as e (step, no)
                   where e.step ->> 'name' = a.step) place on true
left join experiment.step_run t on t.run_id = a.run_id and t.step = a.step and t.arm = a.arm
left join registry.algorithm g on g.name = a.algorithm
left join registry.algorithm_version v on v.name = a.algorithm and v.digest = a.digest
where r.id = %(id)s
group by a.step, a.arm, a.algorithm, a.digest, v.version, g.title, r.case_count, place.no, place.title
order by place.no nulls last, a.step, a.arm
