select min(w.id) as first, max(w.id) as last, count(*) as waiting
from (select r.id, ntile(%(tasks)s) over (order by r.id) as part
      from landing.received_clinical r where r.state = 'received') w
group by w.part order by w.part
