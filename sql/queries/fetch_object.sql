insert into landing.received_object (series_id, name, sha256, byte_count)
values (%(id)s, %(name)s, %(sha256)s, %(byte_count)s);
