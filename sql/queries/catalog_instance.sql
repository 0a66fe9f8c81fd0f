insert into catalog.instance (sop_uid, series_uid, sha256)
values (%(sop_uid)s, %(series_uid)s, %(sha256)s)
on conflict (sop_uid) do nothing;
