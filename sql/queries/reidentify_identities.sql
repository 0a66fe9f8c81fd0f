select subject, project, level, patient_alias, original_uid, patient_id, issuer_of_patient_id, patient_name,
       patient_birth_date, days_offset
from broker.identities(%(disclosure)s);
