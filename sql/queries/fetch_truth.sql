insert into landing.truth (source, collection, series_uid, name, value, origin)
values (%(source)s, %(collection)s, %(series_uid)s, %(name)s, %(value)s, %(origin)s)
on conflict (source, collection, series_uid, name) do update set value = excluded.value, origin = excluded.origin;
