insert into landing.followed (source, collection, modality, owner, team, visibility, fallback, synced_on)
values (%(source)s, %(collection)s, %(modality)s, %(account)s, %(team)s, %(visibility)s::access.visibility,
        coalesce(%(fallback)s, ''), %(synced_on)s)
on conflict (source, collection, modality) do update
  set owner = excluded.owner, team = excluded.team, visibility = excluded.visibility, fallback = excluded.fallback,
      synced_on = excluded.synced_on;
