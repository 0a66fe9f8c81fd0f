select distinct r.run_id from landing.received_clinical r where r.id between %(first)s and %(last)s
