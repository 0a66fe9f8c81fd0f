-- Nothing where the last report of this series in this batch says the same: a task that runs again changes nothing.
insert into catalog.deid_report (batch_id, received_id, report, owner, team, visibility)
select i.batch_id, i.received_id, %(report)s::jsonb, i.owner, i.team, i.visibility
from catalog.deid_item i
where i.batch_id = %(batch_id)s and i.received_id = %(received_id)s
  and not exists (
    select from catalog.deid_report r
    where r.id = catalog.deid_last(i.batch_id, i.received_id) and r.content_sha256 = %(content_sha256)s)
returning id;
