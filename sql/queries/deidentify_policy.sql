insert into catalog.policy (sha256, name, english, engine_version)
values (%(sha256)s, %(name)s, %(english)s, %(engine_version)s)
on conflict (sha256) do nothing;
