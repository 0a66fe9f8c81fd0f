select s.series_uid, s.collection, s.patient_alias, s.modality, s.body_part, s.image_count,
       s.spacing_between_slices_mm, s.kvp, s.exposure_mas, s.image_type, s.derived
from curation.worklist w
join catalog.series s on s.series_uid = w.series_uid
where w.run_key = %(run_key)s and s.state = 'held'
order by s.series_uid;
