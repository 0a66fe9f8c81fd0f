insert into catalog.collection (name, source)
select distinct on (r.collection) r.collection, r.source from landing.received_clinical r where r.id = any(%(ids)s)
order by r.collection
on conflict (name) do nothing
