-- The text of each experiment that was current at a revision (now, where it is null).
select distinct on (s.name) s.name,
       jsonb_build_object('id', s.id, 'title', s.title, 'owner', s.owner, 'team', s.team,
                          'visibility', s.visibility, 'spec', s.spec) as document
from experiment.spec s
where %(revision)s::bigint is null or s.revision <= %(revision)s::bigint
order by s.name, s.revision desc;
