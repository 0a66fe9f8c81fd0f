-- What reports, people and objects say of one study, as far as this person may see it.
select f.finding, f.scheme, f.code, f.meaning, f.match_quality, f.status, f.certainty, f.found_on, f.origin,
       f.series_uid, f.rule_id
from catalog.finding f
where f.study_uid = %(study_uid)s
order by array_position(array['present', 'uncertain', 'historical', 'family', 'absent'], f.status), f.finding, f.id
