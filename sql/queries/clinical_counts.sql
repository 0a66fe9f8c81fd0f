update catalog.clinical_run c
set received = coalesce(x.received, '{}'), catalogued = coalesce(x.catalogued, '{}'),
    quarantined = coalesce(x.quarantined, '{}')
from unnest(%(runs)s::bigint[]) as w (id)
left join lateral (
  select jsonb_object_agg(k.name, k.many) filter (where k.what = 'received') as received,
         jsonb_object_agg(k.name, k.many) filter (where k.what = 'catalogued') as catalogued,
         jsonb_object_agg(k.name, k.many) filter (where k.what = 'quarantined') as quarantined
  from (select 'received' as what, r.kind as name, count(*) as many
        from landing.received_clinical r where r.run_id = w.id group by 2
        union all
        select 'catalogued', r.kind, count(*)
        from landing.received_clinical r where r.run_id = w.id and r.state = 'deidentified' group by 2
        union all
        select 'quarantined', r.reason_code, count(*)
        from landing.received_clinical r where r.run_id = w.id and r.state = 'quarantined' group by 2) k) x on true
where c.id = w.id
