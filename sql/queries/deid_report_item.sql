insert into catalog.deid_item (batch_id, received_id, owner, team, visibility)
select %(batch_id)s, r.id, r.owner, r.team, r.visibility
from landing.received_series r where r.id = any(%(received_ids)s)
on conflict (batch_id, received_id) do nothing;
