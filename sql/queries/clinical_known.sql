select r.collection, r.resource_key, r.kind, r.sha256, r.uri, r.position, r.byte_count
from landing.received_clinical r
where r.resource_key = any(%(keys)s) and r.collection = any(%(collections)s) and r.kind in ('patient', 'imaging_study')
