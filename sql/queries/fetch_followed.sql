select collection, source as nbia_conn_id, modality, owner as account, coalesce(team, '') as team,
       visibility::text as visibility
from landing.followed
order by source, collection, modality;
