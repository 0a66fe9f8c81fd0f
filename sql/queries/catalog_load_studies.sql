-- Where series of one study disagree, in some hundred studies of a million series, the least value stands for the study.
insert into catalog.study
  (study_uid, collection, patient_alias, study_date, patient_age_years, study_description, modalities, body_parts,
   manufacturers, analysis_results, share_ids, series_count, image_count, byte_count)
select s.*
from (select n.study_uid, min(n.collection) as collection, min(n.patient_alias) as patient_alias,
             min(n.study_date) as study_date,
             min(n.patient_age_years),
             min(n.study_description),
             array_agg(distinct n.modality),
             coalesce(array_agg(distinct n.body_part_label) filter (where n.body_part_label <> ''), '{}'),
             coalesce(array_agg(distinct n.manufacturer_label) filter (where n.manufacturer_label <> ''), '{}'),
             coalesce(array_agg(distinct n.analysis_result) filter (where n.analysis_result is not null), '{}'),
             array_agg(distinct n.share_id), count(*), sum(n.image_count), coalesce(sum(n.byte_count), 0)
      from new_series n group by 1) s
order by s.collection, s.patient_alias, s.study_date, s.study_uid
on conflict (study_uid) do update
set study_date = excluded.study_date, patient_age_years = excluded.patient_age_years,
    study_description = excluded.study_description
where (study.study_date, study.patient_age_years, study.study_description) is distinct from
      (excluded.study_date, excluded.patient_age_years, excluded.study_description)
