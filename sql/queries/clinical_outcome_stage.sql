create temporary table staged_outcome (
  id bigint, sha256 text, state text, reason_code text, reason text, instruction text, record jsonb
) on commit drop
