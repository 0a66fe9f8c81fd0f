insert into landing.clinical_followed as f
  (source, collection, kinds, group_id, since, bulk, release, licence, owner, team, visibility)
values (%(source)s, %(collection)s, %(kinds)s, %(group_id)s, %(since)s, %(bulk)s, %(release)s, %(licence)s, %(account)s,
        %(team)s, %(visibility)s)
on conflict (source, collection) do update
  set kinds = excluded.kinds, group_id = excluded.group_id, since = excluded.since, bulk = excluded.bulk, release = excluded.release,
      licence = excluded.licence, owner = excluded.owner, team = excluded.team, visibility = excluded.visibility,
      followed_at = now()
