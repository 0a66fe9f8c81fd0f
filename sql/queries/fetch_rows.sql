-- Series to fetch, each with the connection at which the last question found it: that one is asked first.
select s.id, s.source, s.collection, s.series_uid, s.state, s.image_count, s.offered_bytes, s.modality, s.address,
       s.fallback, coalesce(r.found_at, s.source) as found_at, s.licence, s.licence_uri, s.citation_uri, s.uri,
       s.reason_code, s.object_count
from landing.received_series s
left join catalog.fetch_run r on r.id = s.fetch_run_id
where s.id = any(%(ids)s) order by s.id;
