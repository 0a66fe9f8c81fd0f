select id, policy_sha256 from catalog.deid_batch where name = %(name)s;
