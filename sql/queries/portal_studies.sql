-- What is told of studies; the page is cut out before anything is looked up for its rows. Where not everybody who sees a
-- study sees all of its series, its summary is made of those that this person sees.
select t.study_no, t.study_uid, t.collection, t.patient_alias,
       (select p.patient_sex from catalog.patient p
        where p.collection = t.collection and p.patient_alias = t.patient_alias) as patient_sex,
       t.patient_age_years, t.study_date, t.study_description,
       case when v.mixed then v.modalities else t.modalities end as modalities,
       case when v.mixed then v.body_parts else t.body_parts end as body_parts,
       case when v.mixed then v.manufacturers else t.manufacturers end as manufacturers,
       case when v.mixed then v.analysis_results else t.analysis_results end as analysis_results,
       case when v.mixed then v.series_count else t.series_count end as series_count,
       case when v.mixed then v.image_count else t.image_count end as image_count,
       case when v.mixed then v.byte_count else t.byte_count end as byte_count
from (
  -- page
) t left join lateral (
  select true as mixed, array_agg(distinct f.modality) as modalities,
         coalesce(array_agg(distinct f.body_part_label) filter (where f.body_part_label <> ''), '{}') as body_parts,
         coalesce(array_agg(distinct f.manufacturer_label) filter (where f.manufacturer_label <> ''), '{}') as manufacturers,
         coalesce(array_agg(distinct f.analysis_result) filter (where f.analysis_result <> ''), '{}') as analysis_results,
         count(*) as series_count, sum(s.image_count) as image_count, coalesce(sum(s.byte_count), 0)::bigint as byte_count
  from catalog.series s join catalog.facet f on f.id = s.facet_id
  where s.study_no = t.study_no
) v on cardinality(t.share_ids) > 1
