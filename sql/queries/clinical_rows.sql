select r.id, r.source, r.collection, r.format, r.kind, r.resource_key, r.patient_key, r.sha256, r.uri, r.position,
       r.byte_count, c.identifiers
from landing.received_clinical r join catalog.clinical_run c on c.id = r.run_id
where r.id between %(first)s and %(last)s and r.state = 'received'
order by r.id limit %(most)s
