select id from landing.received_series
where source = %(source)s and collection = %(collection)s and state in ('wanted', 'failed')
order by id;
