select id, source, collection, series_uid, state, image_count, uri, reason_code, object_count
from landing.received_series where id = any(%(ids)s) order by id;
