-- Runs claim one after the other: a statement of its own, so that the claim sees what the one before took.
select pg_advisory_xact_lock(hashtext('curation.worklist'));
