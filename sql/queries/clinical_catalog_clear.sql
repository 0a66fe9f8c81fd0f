with observed as (delete from catalog.observation where received_id = any(%(ids)s)),
conditions as (delete from catalog.condition where received_id = any(%(ids)s)),
findings as (delete from catalog.finding where received_id = any(%(ids)s))
delete from catalog.report where received_id = any(%(ids)s)
