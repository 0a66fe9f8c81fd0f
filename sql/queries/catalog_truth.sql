insert into catalog.truth (series_uid, name, value, origin)
select %(series_uid)s, t.name, t.value, t.origin
from landing.truth t
join landing.received_series r on r.source = t.source and r.collection = t.collection and r.series_uid = t.series_uid
where r.id = %(received_id)s
on conflict (series_uid, name) do update set value = excluded.value, origin = excluded.origin;
