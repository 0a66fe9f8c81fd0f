insert into catalog.listing
  (source, version, file_sha256, mapping_version, owner, series_count, added_count, removed_count, skipped_count)
values (%(source)s, %(version)s, %(file_sha256)s, %(mapping_version)s, %(owner)s, %(series_count)s, %(added_count)s,
        %(removed_count)s, %(skipped_count)s)
