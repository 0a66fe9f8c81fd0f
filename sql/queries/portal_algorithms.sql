-- Algorithms this person may see, each with its latest version.
select a.name, a.title, a.summary, a.owner, a.team, a.visibility::text as visibility,
       v.version, v.digest, v.descriptor, v.registered_at
from registry.algorithm a
left join lateral (select x.version, x.digest, x.descriptor, x.registered_at
                   from registry.algorithm_version x
                   where x.name = a.name
                   order by x.registered_at desc, x.digest
                   limit 1) v on true
order by a.name
