-- Shipped algorithms are everybody's.
insert into registry.algorithm (name, title, summary, owner, visibility)
values (%(name)s, %(title)s, %(summary)s, %(owner)s, 'public')
on conflict (name) do update set title = excluded.title, summary = excluded.summary;
