-- Files that will not come.
update upload.file set state = 'left', changed_at = now() where upload_id = %(id)s and state = 'open'
