select (select count(*) from new_series) as new, (select count(*) from gone_series) as gone,
       (select count(*) from (select from new_series group by series_uid having count(*) > 1) as twice) as twice,
       (select count(*) from staged_series n join catalog.series k on k.series_uid = n.series_uid
        where k.listing is distinct from %(source)s) as skipped
