-- How each followed collection is asked for the next time: what is newer than two days before the last list, so that a
-- late release is not missed, and on the first day of a month the whole list.
select collection, source as conn_id, modality, owner as account, coalesce(team, '') as team,
       visibility::text as visibility, fallback as fallback_conn_id,
       case when synced_on is null or extract(day from current_date) = 1 then ''
            else (synced_on - 2)::text end as since
from landing.followed
order by source, collection, modality;
