select count(*) as waiting from landing.received_clinical where state = 'received'
