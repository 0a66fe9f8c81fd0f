-- What labels of facets stand for in the images: coded body parts by their codes, everything else as it is spelt.
select 'body_part_code' as field, b.scheme || ':' || b.code as value from catalog.body_part_code b
where b.meaning = any (%(body_part)s::text[]) and b.code is not null
union
select 'body_part', f.body_part from catalog.facet f
where f.body_part_label = any (%(body_part)s::text[]) and f.body_part <> '' and f.series_count > 0
  and not exists (select from catalog.body_part_code b
                  where b.value = catalog.fold(f.body_part) and b.code is not null)
union
select 'manufacturer', f.manufacturer from catalog.facet f
where f.manufacturer_label = any (%(manufacturer)s::text[]) and f.manufacturer <> '' and f.series_count > 0
union
select 'licence', f.licence from catalog.facet f
where f.licence_label = any (%(licence)s::text[]) and f.licence <> '' and f.series_count > 0
order by 1, 2
