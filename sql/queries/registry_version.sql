insert into registry.algorithm_version (name, digest, version, descriptor)
values (%(name)s, %(digest)s, %(version)s, %(descriptor)s::jsonb)
on conflict (name, digest) do nothing;
