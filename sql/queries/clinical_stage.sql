create temporary table staged_clinical (
  n bigint, kind text, resource_key text, patient_key text, sha256 text, uri text, position bigint, byte_count integer,
  reason_code text, reason text, instruction text
) on commit drop
