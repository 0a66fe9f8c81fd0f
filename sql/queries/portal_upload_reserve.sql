-- Room for what a request brings without saying how much: part of the quota until it is known.
update upload.file set byte_count = byte_count + %(bytes)s, changed_at = now()
where upload_id = %(id)s and number = %(number)s and state = 'open'
