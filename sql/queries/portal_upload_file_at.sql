-- How much of a file is here.
update upload.file set done_bytes = %(done_bytes)s, changed_at = now()
where upload_id = %(id)s and number = %(number)s and state = 'open'
