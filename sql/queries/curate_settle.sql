-- The guard on catalog.series refuses a state that the sign-offs do not support.
update catalog.series set state = %(state)s, settled_at = now()
where series_uid = %(series_uid)s and state = 'held';
