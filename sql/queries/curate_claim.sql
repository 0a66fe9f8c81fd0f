-- Take what waits and is not asked about by another run; an old claim is void.
insert into curation.worklist (series_uid, run_key)
select s.series_uid, %(run_key)s
from catalog.series s
left join curation.worklist w on w.series_uid = s.series_uid
where s.state = 'held'
  and (w.series_uid is null or w.claimed_at < now() - make_interval(days => %(claim_days)s))
order by s.catalogued_at, s.series_uid
limit %(limit)s
on conflict (series_uid) do update set run_key = excluded.run_key, claimed_at = now()
  where worklist.claimed_at < now() - make_interval(days => %(claim_days)s);
