insert into landing.received_series
  (source, source_kind, collection, series_uid, image_count, offered_bytes, modality, body_part, address, licence,
   licence_uri, citation_uri, fallback, owner, team, visibility)
values (%(source)s, %(source_kind)s, %(collection)s, %(series_uid)s, %(image_count)s, %(offered_bytes)s, %(modality)s,
        %(body_part)s, %(address)s, %(licence)s, %(licence_uri)s, %(citation_uri)s, %(fallback)s, %(account)s, %(team)s,
        %(visibility)s::access.visibility)
on conflict (source, collection, series_uid) do update
  set image_count = excluded.image_count, offered_bytes = excluded.offered_bytes, modality = excluded.modality,
      body_part = excluded.body_part, address = excluded.address, licence = excluded.licence,
      licence_uri = excluded.licence_uri, citation_uri = excluded.citation_uri, fallback = excluded.fallback,
      source_kind = excluded.source_kind, changed_at = now()
  where landing.received_series.state in ('wanted', 'failed');
