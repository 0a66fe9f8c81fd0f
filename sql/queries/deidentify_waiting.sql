select count(*) as waiting from landing.received_series where state = 'received';
