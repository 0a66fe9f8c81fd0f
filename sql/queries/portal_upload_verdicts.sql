select v.file_number, coalesce(v.name, f.name) as name, case when v.name is not null then f.name end as container,
       v.code, v.reason, v.series_number
from upload.verdict v
join upload.file f on f.upload_id = v.upload_id and f.number = v.file_number
where v.upload_id = %(id)s and (%(code)s::text is null or v.code = %(code)s)
order by v.code = 'accepted', v.code = 'duplicate', v.file_number, v.id
