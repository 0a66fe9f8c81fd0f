insert into curation.sign_off (series_uid, role, account, decision, tags, comment)
values (%(series_uid)s, %(role)s, %(account)s, %(decision)s, %(tags)s::text[], %(comment)s);
