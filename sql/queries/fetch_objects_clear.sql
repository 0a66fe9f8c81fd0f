delete from landing.received_object where series_id = %(id)s;
