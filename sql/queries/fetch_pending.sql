select id from landing.received_series
where source = %(source)s and collection = %(collection)s and series_uid = any(%(series_uids)s)
  and state in ('wanted', 'failed')
order by id;
