-- What was done and cut in a batch, and why series are in quarantine, over what this person sees.
with last as (
  select r.kind, r.actions, r.cuts, r.reason_code, r.object_count
  from catalog.deid_outcome o
  join catalog.deid_report r on r.id = o.report_id
  where o.batch_id = %(id)s)
select 'action' as what, a.key as name, sum(a.value::bigint)::bigint as times, count(*) as series_count
from last cross join lateral jsonb_each_text(last.actions) a
where last.kind = 'series'
group by a.key
union all
select 'cut', a.key, sum(a.value::bigint)::bigint, count(*)
from last cross join lateral jsonb_each_text(last.cuts) a
where last.kind = 'series'
group by a.key
union all
select 'reason', reason_code, sum(object_count), count(*)
from last
where kind = 'quarantine'
group by reason_code
order by what, times desc, name
