update landing.received_series
set state = 'deidentified', research_series_uid = %(series_uid)s, changed_at = now()
where id = %(received_id)s;
