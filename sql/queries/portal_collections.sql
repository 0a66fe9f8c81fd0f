-- Collections that have a series this person may see, with what is visible of them.
with sums as (
  select f.collection, sum(f.series_count)::bigint as series_count, sum(f.image_count)::bigint as image_count,
         sum(f.byte_count)::bigint as byte_count, array_agg(distinct f.modality) as modalities,
         array_agg(distinct f.licence_label) filter (where f.licence_label <> '') as licences
  from catalog.facet f where f.series_count > 0 group by 1
), members as (
  select collection, kind, sum(bit_count(members))::bigint as n
  from (select f.collection, m.kind, m.chunk, bit_or(m.members) as members
        from catalog.facet_members m join catalog.facet f on f.id = m.facet_id group by 1, 2, 3) c group by 1, 2
)
select c.name, c.title, c.description, c.source, c.group_name, c.source_version, c.doi, c.licence, c.cancer_types,
       c.tumor_locations, c.species, c.subject_count, s.series_count, s.image_count, s.byte_count, s.modalities,
       coalesce(s.licences, '{}') as licences,
       coalesce((select n from members m where m.collection = c.name and m.kind = 'study'), 0) as study_count,
       coalesce((select n from members m where m.collection = c.name and m.kind = 'patient'), 0) as patient_count
from sums s join catalog.collection c on c.name = s.collection
where %(name)s::text is null or c.name = %(name)s
order by c.name
