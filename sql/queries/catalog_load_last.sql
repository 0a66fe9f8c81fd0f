select l.file_sha256, l.mapping_version, l.version, l.owner, l.series_count
from catalog.listing l where l.source = %(source)s order by l.id desc limit 1
