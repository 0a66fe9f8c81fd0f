-- One more text of an experiment; whoever registers it owns it.
insert into experiment.spec (name, title, spec, spec_sha256, owner, team, visibility)
values (%(name)s, %(title)s, %(spec)s, %(spec_sha256)s, access.current_account(), %(team)s,
        %(visibility)s::access.visibility)
returning id, name, revision, spec_sha256, owner, team, visibility::text as visibility, registered_at
