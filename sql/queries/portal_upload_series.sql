select s.number, s.patient_number, s.modality, s.image_count, s.byte_count, s.stage, s.reason_code, s.reason,
       s.changed_at, s.received_id
from upload.series s where s.upload_id = %(id)s
order by s.number
