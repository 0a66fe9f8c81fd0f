select distinct on (source, collection)
       collection, source as nbia_conn_id, owner as account, coalesce(team, '') as team, visibility::text as visibility
from landing.received_series
order by source, collection, id desc;
