select id, source, collection, series_uid, state, image_count, offered_bytes, modality, address, fallback, licence,
       licence_uri, citation_uri, uri, reason_code, object_count
from landing.received_series where id = any(%(ids)s) order by id;
