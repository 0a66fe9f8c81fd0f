-- A series takes its number in the upload; one that was refused in an earlier upload moves to this one.
insert into upload.series (received_id, upload_id, number, patient_number, modality, image_count, byte_count)
values (%(received_id)s, %(upload_id)s, %(number)s, %(patient_number)s, %(modality)s, %(image_count)s, %(byte_count)s)
on conflict (received_id) do update
  set upload_id = excluded.upload_id, number = excluded.number, patient_number = excluded.patient_number,
      modality = excluded.modality, image_count = excluded.image_count, byte_count = excluded.byte_count,
      stage = 'received', reason_code = null, reason = null, changed_at = now();
