-- Facets and descriptions of what is new, made where they are missing.
insert into catalog.facet
  (share_id, collection, modality, body_part, body_part_label, sex, age_band, manufacturer, manufacturer_label, licence,
   licence_label, analysis_result)
select distinct share_id, collection, modality, coalesce(body_part, ''), body_part_label, coalesce(patient_sex, ''),
       age_band, coalesce(manufacturer, ''), manufacturer_label, coalesce(licence, ''), licence_label,
       coalesce(analysis_result, '')
from new_series
on conflict do nothing;
insert into catalog.description (study_description, series_description, share_ids)
select coalesce(study_description, ''), coalesce(series_description, ''), array_agg(share_id order by share_id)
from (select study_description, series_description, share_id from new_series group by 1, 2, 3) d group by 1, 2
on conflict (md5(study_description), md5(series_description)) do nothing
