-- Kinds of all registered sockets.
select slug, kind, super_kind from registry.socket order by slug
