insert into upload.file (upload_id, number, name, mark, byte_count, sha256)
select %(id)s, t.place + (select coalesce(max(f.number), 0) from upload.file f where f.upload_id = %(id)s)::integer,
       t.name, t.mark, t.byte_count, t.sha256
from unnest(%(names)s::text[], %(marks)s::text[], %(byte_counts)s::bigint[], %(sha256s)s::text[])
  with ordinality as t(name, mark, byte_count, sha256, place)
returning number, name, mark, byte_count, done_bytes, state, sha256
