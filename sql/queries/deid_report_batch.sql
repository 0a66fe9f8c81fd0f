insert into catalog.deid_batch (name, policy_sha256) values (%(name)s, %(policy_sha256)s)
on conflict (name) do nothing;
