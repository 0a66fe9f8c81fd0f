-- Cohorts to offer in a form: what is not private, newest version of each name first.
select c.name || '@' || c.version as choice
from experiment.cohort c
where c.visibility <> 'private' and (%(revision)s::bigint is null or c.revision <= %(revision)s::bigint)
order by c.name, c.version desc;
