-- Pictures stored with a run; one of them where a name is given.
select p.name, p.title, p.media_type, p.uri, p.sha256, p.series_uid
from experiment.picture p
where p.run_id = %(id)s
  and (%(name)s::text is null or p.name = %(name)s)
order by p.name
