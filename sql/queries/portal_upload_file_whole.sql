update upload.file set done_bytes = byte_count, sha256 = %(sha256)s, state = 'received', changed_at = now()
where upload_id = %(id)s and number = %(number)s and state = 'open'
returning number
