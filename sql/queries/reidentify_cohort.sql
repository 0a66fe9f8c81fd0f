-- Aliases of a frozen cohort, as far as the reader may see it.
select distinct m.patient_alias
from experiment.cohort c
join experiment.cohort_member m on m.cohort_id = c.id
where c.name = %(name)s and c.version = %(version)s
order by 1;
