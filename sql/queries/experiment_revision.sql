select coalesce(max(id), 0) as revision from experiment.revision;
