select v.code, count(*) as file_count from upload.verdict v where v.upload_id = %(id)s group by v.code order by v.code
