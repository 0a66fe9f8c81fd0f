-- Facets: for each of them its values and how many series have them, under all other filters. A row of the cube counts
-- for a facet if every filter but that facet's own lets it through. With words, the series that have them are counted.
with hits as materialized (
  select f.id as facet_id, f.series_count from catalog.facet f where %(words)s::text is null and f.series_count > 0
  union all
  select s.facet_id, count(*) from catalog.series s
  where %(words)s::text is not null
    and s.description_id = any (array(select catalog.described(to_tsquery('simple', %(words)s))))
  group by 1
), missed as (
  select n.series_count, f.collection, f.modality, f.body_part_label as body_part, f.sex, f.age_band,
         f.manufacturer_label as manufacturer, f.licence_label as licence, f.analysis_result, h.state,
         coalesce(f.collection <> all (%(collection)s::text[]), false)::int as no_collection,
         coalesce(f.modality <> all (%(modality)s::text[]), false)::int as no_modality,
         coalesce(f.body_part_label <> all (%(body_part)s::text[]), false)::int as no_body_part,
         coalesce(f.sex <> all (%(sex)s::text[]), false)::int as no_sex,
         coalesce(f.age_band <> all (%(age_band)s::text[]), false)::int as no_age_band,
         coalesce(f.manufacturer_label <> all (%(manufacturer)s::text[]), false)::int as no_manufacturer,
         coalesce(f.licence_label <> all (%(licence)s::text[]), false)::int as no_licence,
         coalesce(f.analysis_result <> all (%(analysis_result)s::text[]), false)::int as no_analysis_result,
         coalesce(h.state <> all (%(state)s::text[]), false)::int as no_state
  from hits n join catalog.facet f on f.id = n.facet_id join catalog.share h on h.id = f.share_id
), counted as materialized (
  select m.*, no_collection + no_modality + no_body_part + no_sex + no_age_band + no_manufacturer + no_licence
              + no_analysis_result + no_state as misses
  from missed m
), summed as (
  select case 0 when grouping(collection) then 'collection' when grouping(modality) then 'modality'
           when grouping(body_part) then 'body_part' when grouping(sex) then 'sex'
           when grouping(age_band) then 'age_band' when grouping(manufacturer) then 'manufacturer'
           when grouping(licence) then 'licence' when grouping(analysis_result) then 'analysis_result'
           else 'state' end as facet,
         coalesce(collection, modality, body_part, sex, age_band, manufacturer, licence, analysis_result, state) as value,
         case 0 when grouping(collection) then sum(series_count) filter (where misses = no_collection)
           when grouping(modality) then sum(series_count) filter (where misses = no_modality)
           when grouping(body_part) then sum(series_count) filter (where misses = no_body_part)
           when grouping(sex) then sum(series_count) filter (where misses = no_sex)
           when grouping(age_band) then sum(series_count) filter (where misses = no_age_band)
           when grouping(manufacturer) then sum(series_count) filter (where misses = no_manufacturer)
           when grouping(licence) then sum(series_count) filter (where misses = no_licence)
           when grouping(analysis_result) then sum(series_count) filter (where misses = no_analysis_result)
           else sum(series_count) filter (where misses = no_state) end as series_count
  from counted where misses <= 1
  group by grouping sets ((collection), (modality), (body_part), (sex), (age_band), (manufacturer), (licence),
                          (analysis_result), (state))
)
select facet, value, series_count::bigint as series_count from summed where series_count > 0
order by facet, case when facet = 'age_band' then 0 else -series_count end, value
