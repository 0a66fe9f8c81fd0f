delete from upload.file where upload_id = %(id)s and number = %(number)s and state = 'open'
