-- Cuts between studies, about so many series apart.
select study_no from (
  select study_no, row_number() over (order by study_no) as place from numbered_series) n
where place %% %(portion)s = 0 group by 1
union select max(study_no) from numbered_series having count(*) > 0
order by 1
