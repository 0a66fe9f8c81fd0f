insert into experiment.picture (run_id, name, title, media_type, uri, sha256, series_uid)
values (%(run_id)s, %(name)s, %(title)s, %(media_type)s, %(uri)s, %(sha256)s, %(series_uid)s);
