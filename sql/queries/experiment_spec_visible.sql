select id from experiment.spec where id = %(spec_id)s;
