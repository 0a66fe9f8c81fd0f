insert into catalog.series
  (series_uid, study_uid, collection, patient_alias, modality, body_part, derived, manufacturer, manufacturer_model,
   image_count, slice_thickness_mm, kvp, exposure_mas, convolution_kernel, attributes, uri, licence, licence_uri,
   citation_uri, owner, visibility, state, study_no, patient_no, share_id, facet_id, description_id, study_date,
   patient_sex, patient_age_years, series_description, body_part_code, sop_class, analysis_result, byte_count, listing,
   listing_hash)
select n.series_uid, n.study_uid, n.collection, n.patient_alias, n.modality, n.body_part,
       n.analysis_result is not null or n.modality in ('SEG', 'SR', 'RTSTRUCT', 'RTDOSE', 'RTPLAN', 'ANN', 'PR', 'REG',
                                                        'KO', 'RWV', 'M3D', 'FUSION'),
       n.manufacturer, n.manufacturer_model, n.image_count, n.slice_thickness_mm, n.kvp, n.exposure_mas,
       n.convolution_kernel,
       jsonb_strip_nulls(jsonb_build_object('TransferSyntaxUID', n.transfer_syntax,
         'PhotometricInterpretation', n.photometric_interpretation, 'SeriesNumber', n.series_number))
         || coalesce(n.more, '{}'),
       n.uri, n.licence, n.licence_uri, 'https://doi.org/' || n.doi, %(owner)s, 'public', 'listed', n.study_no,
       n.patient_no, n.share_id, n.facet_id, n.description_id, n.study_date, n.patient_sex, n.patient_age_years,
       n.series_description, n.body_part_code, n.sop_class, n.analysis_result, n.byte_count, %(source)s, n.hash
from numbered_series n
where n.study_no > %(after)s and n.study_no <= %(upto)s
order by n.study_no, n.modality, n.series_uid
