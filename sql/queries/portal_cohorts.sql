-- Frozen cohorts this person may see, newest first; one of them where an id is given.
select c.id, c.name, c.version, c.english, c.criteria, c.criteria_sha256, c.catalog_version, c.cohort_sha256,
       c.owner, c.team, c.visibility::text as visibility, c.frozen_at, c.grouping,
       (select count(*) from experiment.cohort_member m where m.cohort_id = c.id) as member_count,
       (select count(distinct m.patient_alias)
        from experiment.cohort_member m where m.cohort_id = c.id) as patient_count
from experiment.cohort c
where (%(id)s::bigint is null or c.id = %(id)s)
  and (%(name)s::text is null or c.name = %(name)s)
order by c.frozen_at desc, c.id desc
