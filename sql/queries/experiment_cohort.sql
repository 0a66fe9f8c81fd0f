select id, version, team, visibility::text as visibility
from experiment.cohort
where name = %(name)s and (%(version)s::integer is null or version = %(version)s::integer)
order by version desc limit 1;
