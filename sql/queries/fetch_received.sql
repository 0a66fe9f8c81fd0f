update landing.received_series
set state = 'received', uri = %(uri)s, object_count = %(object_count)s, byte_count = %(byte_count)s,
    manifest_sha256 = %(manifest_sha256)s, given_by = nullif(%(given_by)s, source), licence = %(licence)s,
    licence_uri = %(licence_uri)s, citation_uri = %(citation_uri)s, reason_code = null, reason = null,
    attempts = attempts + 1, received_at = now(), changed_at = now()
where id = %(id)s;
