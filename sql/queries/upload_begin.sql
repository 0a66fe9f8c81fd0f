-- One more attempt at sorting an upload; no row where it is not waiting.
update upload.upload set attempts = attempts + 1, changed_at = now()
where id = %(id)s and state = 'received'
returning id, owner, team, visibility::text as visibility, collection, licence, licence_uri, attempts;
