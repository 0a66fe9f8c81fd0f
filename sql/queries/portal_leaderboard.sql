-- Arms ranked within one frozen cohort and one set of metrics; of one cohort where a name is given.
select b.cohort, b.cohort_version, b.cohort_sha256, b.metric_set, b.metric, b.unit, b.better, b.place,
       b.experiment, b.arm, b.estimate, b.lower, b.upper, b.level, b.interval_method, b.n_ok, b.n_total,
       coalesce(b.ties_with_first, false) as ties_with_first,
       b.run_id, b.dag_id, b.dag_run_id, b.owner, b.ended_at, c.english as cohort_english
from experiment.leaderboard b
left join experiment.cohort c on c.name = b.cohort and c.version = b.cohort_version
where %(cohort)s::text is null or b.cohort = %(cohort)s
order by b.cohort, b.cohort_version desc, b.metric_set, b.metric, b.place, b.experiment, b.arm
