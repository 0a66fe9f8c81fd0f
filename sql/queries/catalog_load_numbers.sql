-- The numbers that were just given, beside each series. The planner must know how many there are now.
select catalog.refresh_statistics();
-- Eight columns of a facet depend on each other, which it cannot know: it expects one row, and would loop.
set local enable_nestloop = off;
create temporary table numbered_series on commit drop as
select n.*, p.patient_no, t.study_no, f.id as facet_id, d.id as description_id
from new_series n
join catalog.patient p on p.collection = n.collection and p.patient_alias = n.patient_alias
join catalog.study t on t.study_uid = n.study_uid
join catalog.facet f on f.share_id = n.share_id and f.modality = n.modality and f.body_part = coalesce(n.body_part, '')
  and f.sex = coalesce(n.patient_sex, '') and f.age_band = n.age_band and f.manufacturer = coalesce(n.manufacturer, '')
  and f.licence = coalesce(n.licence, '') and f.analysis_result = coalesce(n.analysis_result, '')
join catalog.description d on d.study_description = coalesce(n.study_description, '')
  and d.series_description = coalesce(n.series_description, '')
order by t.study_no;
drop table new_series;
create index on numbered_series (study_no);
set local enable_nestloop = on
