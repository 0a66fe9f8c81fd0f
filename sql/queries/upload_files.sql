-- What was sent, without its names.
select number, byte_count, sha256, state from upload.file where upload_id = %(id)s order by number;
