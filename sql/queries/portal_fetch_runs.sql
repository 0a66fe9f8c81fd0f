-- Questions to sources that this person may see, newest first, each with how far its series are; one where an id is given.
-- A run whose series have not moved for ten minutes does not go on by itself.
select r.id, r.dag_id, r.run_id, r.source, r.source_kind, r.found_at, r.collection, r.selection, r.dry_run, r.offered,
       r.wanted, r.started_at, r.owner, r.team, r.visibility::text as visibility, c.series_count, c.here_count,
       c.failed_count, c.quarantined_count, c.byte_count, c.bytes_done, c.last_at,
       case when r.dry_run then 'dry run'
            when c.series_count = 0 then 'nothing new'
            when c.here_count = c.series_count then 'complete'
            when c.here_count + c.failed_count + c.quarantined_count = c.series_count then 'partial'
            when greatest(c.last_at, r.started_at) > now() - interval '10 minutes' then 'running'
            else 'stopped' end as state
from catalog.fetch_run r
cross join lateral (
  select count(*) as series_count,
         count(*) filter (where f.state in ('received', 'deidentified')) as here_count,
         count(*) filter (where f.state = 'failed') as failed_count,
         count(*) filter (where f.state = 'quarantined') as quarantined_count,
         coalesce(sum(f.byte_count), 0)::bigint as byte_count,
         coalesce(sum(case when f.state in ('received', 'deidentified') then f.byte_count else f.bytes_done end), 0)::bigint
           as bytes_done,
         max(f.changed_at) as last_at
  from catalog.fetched_series f
  where f.fetch_run_id = r.id) c
where (%(id)s::bigint is null or r.id = %(id)s)
order by r.id desc
