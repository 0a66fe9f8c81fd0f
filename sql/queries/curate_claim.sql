-- Take what waits and is not asked about by another run; an old claim is void. A repeated task takes no more.
insert into curation.worklist (series_uid, run_key)
select s.series_uid, %(run_key)s
from catalog.series s
left join curation.worklist w on w.series_uid = s.series_uid
where s.state = 'held'
  and (w.series_uid is null or w.claimed_at < now() - make_interval(days => %(claim_days)s))
order by s.catalogued_at, s.series_uid
limit greatest(0, %(limit)s - (select count(*) from curation.worklist mine
                              join catalog.series h on h.series_uid = mine.series_uid and h.state = 'held'
                              where mine.run_key = %(run_key)s))
on conflict (series_uid) do update set run_key = excluded.run_key, claimed_at = now()
  where worklist.claimed_at < now() - make_interval(days => %(claim_days)s);
