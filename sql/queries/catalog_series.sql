insert into catalog.series
  (series_uid, study_uid, collection, patient_alias, modality, body_part, image_type, derived, manufacturer,
   manufacturer_model, image_count, row_count, column_count, slice_thickness_mm, spacing_between_slices_mm, kvp,
   exposure_mas, tube_current_ma, convolution_kernel, attributes, uri, manifest_sha256, policy_sha256,
   licence, licence_uri, citation_uri, owner, team, visibility)
select %(series_uid)s, %(study_uid)s, r.collection, %(patient_alias)s, %(modality)s, %(body_part)s,
       %(image_type)s::text[], %(derived)s, %(manufacturer)s, %(manufacturer_model)s, %(image_count)s,
       %(row_count)s, %(column_count)s, %(slice_thickness_mm)s::double precision,
       %(spacing_between_slices_mm)s::double precision, %(kvp)s::double precision,
       %(exposure_mas)s::double precision, %(tube_current_ma)s::double precision, %(convolution_kernel)s,
       %(attributes)s::jsonb, %(uri)s, %(manifest_sha256)s, %(policy_sha256)s,
       r.licence, r.licence_uri, r.citation_uri, r.owner, r.team, r.visibility
from landing.received_series r where r.id = %(received_id)s
on conflict (series_uid) do nothing;
