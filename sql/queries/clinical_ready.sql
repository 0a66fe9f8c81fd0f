select c.received_id as id
from landing.clinical_record c
join landing.received_clinical r on r.id = c.received_id and r.sha256 = c.sha256 and r.state = 'received'
where c.received_id between %(first)s and %(last)s
order by 1 limit %(most)s
