-- Recomputes every hash; noted_holds says whether the head that an earlier check noted is still in the chain.
select audit.first_broken() as first_broken, (select count(*) from audit.event) as event_count,
       h.id as head_id, h.hash as head_hash,
       case when %(id)s::bigint is not null then audit.holds(%(id)s, %(hash)s) end as noted_holds
from (select 1) as one left join lateral (select id, hash from audit.event order by id desc limit 1) as h on true
