select catalog.deid_last(%(batch_id)s, %(received_id)s) as id;
