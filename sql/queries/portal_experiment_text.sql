-- The row that already holds this very text, if this person may see it.
select id, name, revision, spec_sha256, owner, team, visibility::text as visibility, registered_at
from experiment.spec
where name = %(name)s and spec_sha256 = %(spec_sha256)s
