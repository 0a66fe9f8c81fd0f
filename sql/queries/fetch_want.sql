insert into landing.received_series
  (source, collection, series_uid, image_count, licence, licence_uri, citation_uri, owner, team, visibility)
values (%(source)s, %(collection)s, %(series_uid)s, %(image_count)s, %(licence)s, %(licence_uri)s,
        %(citation_uri)s, %(account)s, %(team)s, %(visibility)s::access.visibility)
on conflict (source, collection, series_uid) do update
  set image_count = excluded.image_count, licence = excluded.licence, licence_uri = excluded.licence_uri,
      citation_uri = excluded.citation_uri, changed_at = now()
  where landing.received_series.state in ('wanted', 'failed');
