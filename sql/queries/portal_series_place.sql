-- Where the objects of a series lie, for those who may see it.
select s.series_uid, s.study_uid, s.modality, s.state, s.uri, s.manifest_sha256
from catalog.series s
where s.series_uid = %(series_uid)s
