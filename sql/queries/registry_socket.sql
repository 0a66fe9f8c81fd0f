insert into registry.socket (slug, title, kind, super_kind, relative_path, schema)
values (%(slug)s, %(title)s, %(kind)s, %(super_kind)s, %(relative_path)s, %(schema)s::jsonb)
on conflict (slug) do nothing;
