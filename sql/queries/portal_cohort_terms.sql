-- Licences and citations of the members of one frozen cohort.
select s.collection, s.licence, s.licence_uri, coalesce(s.citation_uri, 'https://doi.org/' || c.doi) as citation_uri,
       count(*) as series_count
from experiment.cohort_member m
left join catalog.series s using (series_uid)
left join catalog.collection c on c.name = s.collection
where m.cohort_id = %(id)s
group by 1, 2, 3, 4
order by 1, 2, 3, 4
