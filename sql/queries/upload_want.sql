-- A series that somebody sent. What was refused before may be sent again, by the same person.
insert into landing.received_series as r
  (source, source_kind, collection, series_uid, image_count, modality, licence, licence_uri, owner, team, visibility)
values ('upload', 'upload', %(collection)s, %(series_uid)s, %(image_count)s, %(modality)s, %(licence)s, %(licence_uri)s,
        %(owner)s, %(team)s, %(visibility)s::access.visibility)
on conflict (source, collection, series_uid) do update
  set image_count = excluded.image_count, modality = excluded.modality, licence = excluded.licence,
      licence_uri = excluded.licence_uri, team = excluded.team, visibility = excluded.visibility, state = 'wanted',
      reason_code = null, reason = null, changed_at = now()
  where r.owner = excluded.owner and r.state in ('wanted', 'failed', 'quarantined')
returning r.id;
