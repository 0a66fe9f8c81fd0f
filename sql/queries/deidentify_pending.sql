select id from landing.received_series where state = 'received' order by id;
