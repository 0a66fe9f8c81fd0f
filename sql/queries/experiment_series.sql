select uri, manifest_sha256 from catalog.series where series_uid = %(series_uid)s and state = 'released';
