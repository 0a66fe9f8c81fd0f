-- How many series and patients of one frozen cohort each time point has, and how far from the baseline they lie.
select t.timepoint, min(t.label) as label, count(*) as series_count,
       count(distinct (m.patient_alias, s.collection)) as patient_count,
       min(t.days_from_baseline) as least_days, max(t.days_from_baseline) as most_days
from experiment.cohort_timepoint t
join experiment.cohort_member m using (cohort_id, series_uid)
left join catalog.series s on s.series_uid = t.series_uid
where t.cohort_id = %(id)s
group by t.timepoint
order by t.timepoint
