-- What came, from where, under which licence: a row per source and collection, over the series that this person may see.
with mine as (
  select source, source_kind, collection, modality, state, image_count, byte_count, given_by, received_at,
         coalesce(licence, '') as licence, case when licence_uri ~* '^https?://' then licence_uri end as licence_uri,
         case when citation_uri ~* '^https?://' then citation_uri end as citation_uri,
         state in ('received', 'deidentified') as here
  from catalog.fetched_series
  where (%(source)s::text is null or source = %(source)s)
    and (%(collection)s::text is null or collection = %(collection)s)),
licences as (
  select source, collection,
         jsonb_agg(jsonb_build_object('name', licence, 'uri', licence_uri, 'series_count', n) order by n desc, licence)
           as licences
  from (select source, collection, licence, licence_uri, count(*) as n from mine group by 1, 2, 3, 4) l
  group by 1, 2)
select m.source, min(m.source_kind) as source_kind, m.collection, count(*) as series_count,
       count(*) filter (where m.here) as here_count,
       count(*) filter (where m.state = 'wanted') as wanted_count,
       count(*) filter (where m.state = 'failed') as failed_count,
       count(*) filter (where m.state = 'quarantined') as quarantined_count,
       coalesce(sum(m.image_count) filter (where m.here), 0) as image_count,
       coalesce(sum(m.byte_count) filter (where m.here), 0)::bigint as byte_count,
       array(select distinct o.modality from mine o
             where o.source = m.source and o.collection = m.collection and o.modality is not null order by 1)
         as modalities,
       array_remove(array_agg(distinct m.given_by), null) as given_by,
       (select l.licences from licences l where l.source = m.source and l.collection = m.collection) as licences,
       array_remove(array_agg(distinct m.citation_uri), null) as citations,
       max(m.received_at) as last_at
from mine m
group by m.source, m.collection
order by m.collection, m.source
