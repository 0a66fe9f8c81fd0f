insert into upload.upload (owner, team, visibility, collection, licence, licence_uri, attested)
values (%(owner)s, %(team)s, %(visibility)s::access.visibility, %(collection)s, %(licence)s, %(licence_uri)s, %(attested)s)
returning id
