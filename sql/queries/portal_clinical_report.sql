select r.report_id, r.collection, r.patient_alias, r.study_uid, r.report_date, r.kind, r.meaning, r.state, r.owner, r.team,
       r.visibility::text as visibility, r.text, r.sections,
       array(select distinct f.finding from catalog.finding f
             where f.report_id = r.report_id and f.status = 'present' order by 1) as present,
       coalesce((
         select jsonb_agg(jsonb_build_object(
                  'finding', f.finding, 'scheme', f.scheme, 'code', f.code, 'meaning', f.meaning,
                  'match_quality', f.match_quality, 'status', f.status, 'certainty', f.certainty,
                  'start_offset', f.start_offset, 'end_offset', f.end_offset, 'rule_id', f.rule_id, 'origin', f.origin)
                order by f.start_offset nulls last, f.id)
         from catalog.finding f where f.report_id = r.report_id), '[]') as findings
from catalog.report r where r.report_id = %(report_id)s
