-- How many series and patients each rule left.
select rule_no, rule_text, series_count, patient_count
from experiment.cohort_attrition
where cohort_id = %(id)s
order by rule_no
