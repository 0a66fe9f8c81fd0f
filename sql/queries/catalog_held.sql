select count(*) as held from catalog.series s
where s.state = 'held' and not exists (select from curation.worklist w where w.series_uid = s.series_uid);
