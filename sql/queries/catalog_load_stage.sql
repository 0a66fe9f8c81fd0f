-- What the index says, one row per series, for the time of the transaction.
create temporary table staged_series (
  series_uid text, study_uid text, collection text,
  patient_alias text, modality text, body_part text,
  manufacturer text, manufacturer_model text, study_description text, series_description text, sop_class text,
  analysis_result text, uri text, licence text, doi text, transfer_syntax text, photometric_interpretation text,
  series_number text, study_date date, patient_sex text, patient_age_years double precision, image_count bigint,
  byte_count bigint, convolution_kernel text, slice_thickness_mm double precision, kvp double precision,
  exposure_mas double precision, more jsonb
) on commit drop;
set local work_mem = '128MB';
set local maintenance_work_mem = '256MB';
set local jit = off;
select pg_advisory_xact_lock(hashtext('catalog.listing'))
