-- What is new or says something else than before, by a hash of all that a row says, with its share and codes; and what
-- is listed no more. Collections and shares are made where they are missing.
insert into catalog.collection (name, source, group_name, source_version)
select distinct n.collection, %(source)s, %(source)s, %(version)s from staged_series n
on conflict (name) do nothing;
insert into catalog.share (collection, owner, team, visibility, state)
select distinct n.collection, %(owner)s, null, 'public'::access.visibility, 'listed' from staged_series n
on conflict do nothing;
create temporary table new_series on commit drop as
select n.*, hashtextextended(n::text, %(mapping_version)s) as hash, h.id as share_id,
       b.scheme || ':' || b.code as body_part_code, coalesce(b.meaning, n.body_part, '') as body_part_label,
       catalog.age_band(n.patient_age_years) as age_band, coalesce(m.name, n.manufacturer, '') as manufacturer_label,
       coalesce(l.short_name, n.licence, '') as licence_label, l.uri as licence_uri
from staged_series n
left join catalog.series k on k.series_uid = n.series_uid
join catalog.share h on h.collection = n.collection and h.owner = %(owner)s and h.team is null
                    and h.visibility = 'public' and h.state = 'listed'
left join (select body_part, catalog.fold(body_part) as folded from (select distinct body_part from staged_series) x) fb
  on fb.body_part = n.body_part
left join catalog.body_part_code b on b.value = fb.folded
left join (select manufacturer, catalog.fold(manufacturer) as folded
           from (select distinct manufacturer from staged_series) x) fm on fm.manufacturer = n.manufacturer
left join catalog.manufacturer_name m on m.value = fm.folded
left join (select licence, catalog.fold(licence) as folded from (select distinct licence from staged_series) x) fl
  on fl.licence = n.licence
left join catalog.licence_name l on l.value = fl.folded
where k.series_uid is null
   or (k.listing = %(source)s and (k.listing_hash is distinct from hashtextextended(n::text, %(mapping_version)s)
                                   or k.share_id <> h.id));
create temporary table gone_series on commit drop as
select k.series_uid from catalog.series k left join staged_series n on n.series_uid = k.series_uid
where k.listing = %(source)s and (n.series_uid is null or exists (
  select from new_series x where x.series_uid = k.series_uid));
analyze new_series
