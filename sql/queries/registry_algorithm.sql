insert into registry.algorithm (name, title, summary, owner, visibility)
values (%(name)s, %(title)s, %(summary)s, %(owner)s, %(visibility)s::access.visibility)
on conflict (name) do update set title = excluded.title, summary = excluded.summary
  where algorithm.owner = excluded.owner;
