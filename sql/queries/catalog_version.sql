select coalesce(max(id), 0) as version from catalog.revision;
