select source, collection, kinds, group_id, bulk, release, licence, owner as account, team, visibility,
       to_char((since - interval '5 minutes') at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since
from landing.clinical_followed order by source, collection
