select r.id, r.source, r.source_kind, r.collection, r.selection, r.licence, r.received, r.catalogued, r.quarantined,
       r.started_at, r.owner, r.team, r.visibility::text as visibility
from catalog.clinical_run r
order by r.id desc
