delete from catalog.series k using gone_series g where k.series_uid = g.series_uid
