insert into catalog.tag (series_uid, scheme, code, meaning, match_quality)
values (%(series_uid)s, %(scheme)s, %(code)s, %(meaning)s, %(match_quality)s)
on conflict (series_uid, scheme, code) do nothing;
