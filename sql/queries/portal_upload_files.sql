select f.number, f.name, f.mark, f.byte_count, f.done_bytes, f.state, f.sha256
from upload.file f
where f.upload_id = %(id)s and (%(number)s::integer is null or f.number = %(number)s)
  and (%(state)s::text is null or f.state = %(state)s)
order by f.number
