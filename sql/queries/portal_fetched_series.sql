-- Series that were asked for and that this person may see, those that moved last first; of one run, source, collection or
-- state where asked for.
select received_id as number, fetch_run_id as run, source, source_kind, coalesce(given_by, source) as given_by, collection,
       modality, body_part, state, image_count, byte_count, bytes_done, licence,
       case when licence_uri ~* '^https?://' then licence_uri end as licence_uri,
       case when citation_uri ~* '^https?://' then citation_uri end as citation_uri, reason_code, reason, wanted_at,
       received_at, changed_at, owner, team, visibility::text as visibility
from catalog.fetched_series
where (%(run)s::bigint is null or fetch_run_id = %(run)s)
  and (%(source)s::text is null or source = %(source)s)
  and (%(collection)s::text is null or collection = %(collection)s)
  and (%(state)s::text is null or state = %(state)s)
order by changed_at desc, received_id desc
