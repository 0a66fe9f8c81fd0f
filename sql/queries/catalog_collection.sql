insert into catalog.collection (name, source)
select r.collection, r.source from landing.received_series r where r.id = %(received_id)s
on conflict (name) do nothing;
