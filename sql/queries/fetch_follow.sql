insert into landing.followed (source, collection, modality, owner, team, visibility)
values (%(source)s, %(collection)s, %(modality)s, %(account)s, %(team)s, %(visibility)s::access.visibility)
on conflict (source, collection, modality) do update
  set owner = excluded.owner, team = excluded.team, visibility = excluded.visibility;
