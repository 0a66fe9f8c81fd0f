delete from upload.verdict where upload_id = %(id)s;
