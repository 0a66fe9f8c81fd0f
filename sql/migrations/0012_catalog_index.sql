-- The catalog at the size of a public index: series that are only listed, codes, text search, counts for facets,
-- and row-level security that is decided once per share, not once per series.

-- Reference data: what free text and vendor spellings stand for. Add a row for a site's own spelling.
create table catalog.body_part_code (
  value text primary key check (value ~ '^[A-Z0-9]+$'),
  scheme text,
  code text,
  meaning text not null,
  match_quality text not null check (match_quality in ('exact', 'approximate', 'none')),
  check ((match_quality = 'none') = (code is null)),
  check ((code is null) = (scheme is null))
);
comment on table catalog.body_part_code is
  'Body Part Examined (0018,0015) as found, folded by catalog.fold, and its code: terms of PS3.16 annex L and CID 4031.';

create table catalog.modality_code (
  value text primary key,
  scheme text,
  code text,
  meaning text not null,
  match_quality text not null check (match_quality in ('exact', 'approximate', 'none')),
  check ((match_quality = 'none') = (code is null)),
  check ((code is null) = (scheme is null))
);
comment on table catalog.modality_code is 'Modality (0008,0060) and its code in DCM (PS3.16 CID 29 and 33).';

create table catalog.manufacturer_name (value text primary key check (value ~ '^[A-Z0-9]+$'), name text not null);
comment on table catalog.manufacturer_name is 'Manufacturer (0008,0070) folded by catalog.fold, and one name per maker.';

create table catalog.licence_name (
  value text primary key check (value ~ '^[A-Z0-9]+$'),
  short_name text not null,
  uri text,
  commercial boolean not null
);
comment on table catalog.licence_name is 'Licence texts folded by catalog.fold, their short name, and where it is written, and whether it allows commercial use.';

-- One row for each combination that decides who may see a series.
create table catalog.share (
  id integer generated always as identity primary key,
  collection text not null references catalog.collection,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  state text not null,
  unique nulls not distinct (collection, owner, team, visibility, state),
  check (visibility <> 'team' or team is not null)
);
comment on table catalog.share is
  'The rule of visibility is decided here; series, studies, patients, counts and texts carry the number of their share.';

-- The cube behind facets, and the dictionary of what series have in common: a criterion over these columns is decided
-- on some thousand rows here. Empty text means unknown.
create table catalog.facet (
  id integer generated always as identity primary key,
  share_id integer not null references catalog.share,
  collection text not null references catalog.collection,
  modality text not null,
  body_part text not null,
  body_part_label text not null,
  sex text not null,
  age_band text not null,
  manufacturer text not null,
  manufacturer_label text not null,
  licence text not null,
  licence_label text not null,
  analysis_result text not null,
  series_count bigint not null default 0,
  image_count bigint not null default 0,
  byte_count bigint not null default 0,
  unique (share_id, modality, body_part, sex, age_band, manufacturer, licence, analysis_result)
);
comment on table catalog.facet is 'How many series share all of these values; kept by triggers, gated by share like the series.';
comment on column catalog.facet.body_part_label is 'The meaning of its code; as found where there is no code. The other labels alike.';

create table catalog.study_facet (
  study_no integer not null,
  facet_id integer not null references catalog.facet,
  patient_no integer not null,
  share_id integer not null,
  series_count integer not null,
  primary key (study_no, facet_id, patient_no)
);
comment on table catalog.study_facet is 'Which facets a study has series in: for counting studies and patients.';
create index study_facet_facet on catalog.study_facet (facet_id, study_no) include (patient_no, share_id);
create index study_facet_patient on catalog.study_facet (patient_no) include (share_id);
create index study_facet_facet_patient on catalog.study_facet (facet_id, patient_no);

create table catalog.facet_members (
  facet_id integer not null references catalog.facet,
  kind text not null check (kind in ('study', 'patient')),
  chunk integer not null,
  share_id integer not null,
  members bit(1024) not null,
  primary key (facet_id, kind, chunk)
);
comment on table catalog.facet_members is
  'Bit n is set where study or patient number chunk * 1024 + n has series of the facet: distinct counts by or, not by sort.';

create table catalog.description (
  id integer generated always as identity primary key,
  study_description text not null,
  series_description text not null,
  share_ids integer[] not null default '{}',
  words tsvector not null generated always as (to_tsvector('simple'::regconfig,
    translate(study_description || ' ' || series_description, '_/\-+^&.,;:()[]{}', '                  '))) stored
);
comment on table catalog.description is 'Distinct pairs of Study Description (0008,1030) and Series Description (0008,103E), searchable.';
-- Descriptions may be longer than an index entry.
create unique index description_pair on catalog.description (md5(study_description), md5(series_description));
create index description_words on catalog.description using gin (words);

create table catalog.listing (
  id bigint generated always as identity primary key,
  source text not null,
  version text not null,
  file_sha256 text not null check (file_sha256 ~ '^[0-9a-f]{64}$'),
  mapping_version integer not null,
  owner text not null references access.account,
  series_count integer not null,
  added_count integer not null,
  removed_count integer not null,
  skipped_count integer not null,
  loaded_at timestamptz not null default now()
);
comment on table catalog.listing is 'Each load of a public index; the last of a source says what the listed series are.';
create trigger append_only before update or delete or truncate on catalog.listing
  for each statement execute function access.refuse_change();

alter table catalog.collection
  add column title text, add column description text, add column licence text, add column doi text,
  add column cancer_types text, add column tumor_locations text, add column species text,
  add column subject_count integer, add column source_version text, add column group_name text;
comment on column catalog.collection.group_name is 'The public index that a collection is listed by, for example idc.';
comment on column catalog.collection.subject_count is 'As its source says it; how many patients are here is counted.';

alter table catalog.patient
  add column patient_no integer generated by default as identity unique,
  add column share_ids integer[] not null default '{}';

alter table catalog.study
  add column study_no integer generated by default as identity unique,
  add column study_description text,
  add column modalities text[] not null default '{}',
  add column body_parts text[] not null default '{}',
  add column manufacturers text[] not null default '{}',
  add column analysis_results text[] not null default '{}',
  add column share_ids integer[] not null default '{}',
  add column series_count integer not null default 0,
  add column image_count bigint not null default 0,
  add column byte_count bigint not null default 0;
comment on column catalog.study.body_parts is 'Meanings of the codes where there are any, as in catalog.facet; else the text as found.';
create index study_modalities on catalog.study using gin (modalities);
create index study_body_parts on catalog.study using gin (body_parts);
create index study_by_date on catalog.study ((coalesce(study_date, '0001-01-01'::date)), study_no);
create index study_by_images on catalog.study (image_count, study_no);
create index study_by_patient on catalog.study (collection, patient_alias, study_no);

alter table catalog.series
  add column study_no integer,
  add column patient_no integer,
  add column share_id integer,
  add column facet_id integer,
  add column description_id integer,
  add column study_date date,
  add column patient_sex text check (patient_sex in ('M', 'F', 'O')),
  add column patient_age_years double precision check (patient_age_years >= 0 and patient_age_years <= 130),
  add column series_description text,
  add column body_part_code text,
  add column sop_class text,
  add column analysis_result text,
  add column byte_count bigint check (byte_count >= 0),
  add column listing text,
  add column listing_hash bigint,
  alter column manifest_sha256 drop not null,
  alter column policy_sha256 drop not null,
  drop constraint series_owner_fkey,   -- a series has a share, and the share has an account and a team
  drop constraint series_team_fkey,
  drop constraint series_state_check,
  drop constraint series_check1,
  add constraint series_state_check check (state in ('held', 'released', 'rejected', 'listed')),
  add constraint series_settled check ((state in ('held', 'listed')) = (settled_at is null)),
  add constraint series_listed check ((state = 'listed') = (listing is not null)),
  add constraint series_whole check (state = 'listed' or (manifest_sha256 is not null and policy_sha256 is not null));
comment on column catalog.series.study_date is 'Date of the study as this series has it; the study''s own may differ in public data.';
comment on column catalog.series.patient_sex is 'As this series has it, M, F or O; anything else is unknown, and kept in attributes.';
comment on column catalog.series.body_part_code is 'scheme:code by catalog.body_part_code; null where there is none.';
comment on column catalog.series.analysis_result is 'The analysis that a derived series belongs to, as its index names it.';
comment on column catalog.series.state is 'listed: known from a public index, its objects are not here, uri is their remote address.';
drop index catalog.series_state;
create index series_waiting on catalog.series (state) where state in ('held', 'rejected');
create index series_study_no on catalog.series (study_no);
-- The columns that counts ask about, by facet: nearly every criterion is answered from here, the rows unread.
create index series_facet on catalog.series (facet_id, study_no)
  include (patient_no, share_id, description_id, image_count, byte_count, study_date, patient_age_years,
           slice_thickness_mm, kvp, exposure_mas, convolution_kernel);
create index series_description on catalog.series (description_id)
  include (facet_id, study_no, patient_no, share_id, image_count, byte_count);
create index series_timeline on catalog.series (patient_no, study_date) include (facet_id, study_no, share_id);
create index series_policy on catalog.series (policy_sha256) where policy_sha256 is not null;
-- A load is followed by a vacuum soon, so that indexes alone answer counts.
alter table catalog.series set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table catalog.study_facet set (autovacuum_vacuum_insert_scale_factor = 0.02);

-- Nothing in them writes, and policies call them: without this, whatever people ask runs on one core.
alter function access.current_account() parallel safe;
alter function access.has_role(access.role) parallel safe;
alter function access.in_team(text) parallel safe;
alter function access.may_see(text, text, access.visibility) parallel safe;

create function catalog.fold(value text) returns text language sql immutable parallel safe
  return regexp_replace(upper(value), '[^A-Z0-9]', '', 'g');
comment on function catalog.fold is 'Letters and digits in upper case, the form in which spellings are looked up.';

create function catalog.age_band(years double precision) returns text language sql immutable parallel safe
  return case when years is null then '' when years < 18 then '0-17' when years < 30 then '18-29'
    when years >= 90 then '90+'
    else (10 * floor(years / 10))::integer || '-' || (10 * floor(years / 10) + 9)::integer end;

-- Where a series is filed: its share, its facet, its description. Bulk loads bring these numbers with them.
create function catalog.file_series() returns trigger language plpgsql security definer
  set search_path = catalog, pg_temp as $$
declare coded catalog.body_part_code; maker text; terms text; described text;
begin
  select t.study_no, coalesce(new.study_date, t.study_date), coalesce(new.patient_age_years, t.patient_age_years),
         t.study_description
    into new.study_no, new.study_date, new.patient_age_years, described
    from catalog.study t where t.study_uid = new.study_uid;
  select p.patient_no, coalesce(new.patient_sex, case when p.patient_sex in ('M', 'F', 'O') then p.patient_sex end)
    into new.patient_no, new.patient_sex
    from catalog.patient p where p.collection = new.collection and p.patient_alias = new.patient_alias;
  if new.patient_age_years > 130 or new.patient_age_years < 0 or new.patient_age_years = 'NaN' then
    new.patient_age_years := null;
  end if;
  select * into coded from catalog.body_part_code b where b.value = catalog.fold(new.body_part);
  new.body_part_code := coded.scheme || ':' || coded.code;
  select m.name into maker from catalog.manufacturer_name m where m.value = catalog.fold(new.manufacturer);
  select l.short_name into terms from catalog.licence_name l where l.value = catalog.fold(new.licence);

  select s.id into new.share_id from catalog.share s
    where s.collection = new.collection and s.owner = new.owner and s.team is not distinct from new.team
      and s.visibility = new.visibility and s.state = new.state;
  if new.share_id is null then
    insert into catalog.share (collection, owner, team, visibility, state)
      values (new.collection, new.owner, new.team, new.visibility, new.state)
      on conflict (collection, owner, team, visibility, state) do update set state = excluded.state
      returning id into new.share_id;
  end if;

  insert into catalog.facet as f
      (share_id, collection, modality, body_part, body_part_label, sex, age_band, manufacturer, manufacturer_label,
       licence, licence_label, analysis_result)
    values (new.share_id, new.collection, new.modality, coalesce(new.body_part, ''),
            coalesce(coded.meaning, new.body_part, ''), coalesce(new.patient_sex, ''),
            catalog.age_band(new.patient_age_years), coalesce(new.manufacturer, ''),
            coalesce(maker, new.manufacturer, ''), coalesce(new.licence, ''), coalesce(terms, new.licence, ''),
            coalesce(new.analysis_result, ''))
    on conflict do nothing returning f.id into new.facet_id;
  if new.facet_id is null then
    select f.id into new.facet_id from catalog.facet f
      where f.share_id = new.share_id and f.modality = new.modality and f.body_part = coalesce(new.body_part, '')
        and f.sex = coalesce(new.patient_sex, '') and f.age_band = catalog.age_band(new.patient_age_years)
        and f.manufacturer = coalesce(new.manufacturer, '') and f.licence = coalesce(new.licence, '')
        and f.analysis_result = coalesce(new.analysis_result, '');
  end if;

  insert into catalog.description (study_description, series_description)
    values (coalesce(described, ''), coalesce(new.series_description, ''))
    on conflict (md5(study_description), md5(series_description)) do nothing returning id into new.description_id;
  if new.description_id is null then
    select d.id into new.description_id from catalog.description d
      where md5(d.study_description) = md5(coalesce(described, ''))
        and md5(d.series_description) = md5(coalesce(new.series_description, ''));
  end if;
  return new;
end $$;
create trigger file_series before insert on catalog.series
  for each row when (new.share_id is null) execute function catalog.file_series();
create trigger file_series_again before update on catalog.series
  for each row when (new.facet_id is null or (old.state, old.owner, old.visibility) is distinct from
                     (new.state, new.owner, new.visibility) or old.team is distinct from new.team)
  execute function catalog.file_series();

-- What a study and a patient have, counted anew from their series. The rows are locked first: two tasks that enter
-- series of one study at a time see each other's.
-- In the middle of a large load the statistics are still those of before, so that nothing here is left to the planner:
-- series by their study, each one's facet by its key.
create function catalog.sum_up(studies integer[], patients integer[]) returns void language plpgsql security definer
  set search_path = catalog, pg_temp set enable_seqscan = off set enable_indexonlyscan = off as $$
begin
  perform from catalog.study t where t.study_no = any (studies) order by t.study_no for no key update;
  perform from catalog.patient p where p.patient_no = any (patients) order by p.patient_no for no key update;
  update catalog.study t
  set modalities = coalesce(x.modalities, '{}'), body_parts = coalesce(x.body_parts, '{}'),
      manufacturers = coalesce(x.manufacturers, '{}'), analysis_results = coalesce(x.analysis_results, '{}'),
      share_ids = coalesce(x.share_ids, '{}'), series_count = coalesce(x.series_count, 0),
      image_count = coalesce(x.image_count, 0), byte_count = coalesce(x.byte_count, 0)
  from unnest(studies) as wanted (study_no)
  left join lateral (
    select array_agg(distinct (s.f).modality) as modalities,
           array_agg(distinct (s.f).body_part_label) filter (where (s.f).body_part_label <> '') as body_parts,
           array_agg(distinct (s.f).manufacturer_label) filter (where (s.f).manufacturer_label <> '') as manufacturers,
           array_agg(distinct (s.f).analysis_result) filter (where (s.f).analysis_result <> '') as analysis_results,
           array_agg(distinct s.share_id) as share_ids, count(*) as series_count,
           sum(s.image_count) as image_count, coalesce(sum(s.byte_count), 0) as byte_count
    from (select (select f from catalog.facet f where f.id = s.facet_id) as f, s.share_id, s.image_count, s.byte_count
          from catalog.series s where s.study_no = wanted.study_no offset 0) s) x on true
  where t.study_no = wanted.study_no
    and (t.modalities, t.body_parts, t.manufacturers, t.analysis_results, t.share_ids, t.series_count, t.image_count,
         t.byte_count) is distinct from
        (coalesce(x.modalities, '{}'), coalesce(x.body_parts, '{}'), coalesce(x.manufacturers, '{}'),
         coalesce(x.analysis_results, '{}'), coalesce(x.share_ids, '{}'), coalesce(x.series_count, 0),
         coalesce(x.image_count, 0), coalesce(x.byte_count, 0));
  update catalog.patient p set share_ids = coalesce(x.share_ids, '{}')
  from unnest(patients) as wanted (patient_no)
  left join lateral (select array_agg(distinct f.share_id) as share_ids
                     from catalog.study_facet f where f.patient_no = wanted.patient_no) x on true
  where p.patient_no = wanted.patient_no and p.share_ids is distinct from coalesce(x.share_ids, '{}');
end $$;
revoke execute on function catalog.sum_up(integer[], integer[]) from public;

-- Bits are set where members came; where some went, they are computed anew under a lock.
create function catalog.add_members(of_kind text, facets integer[], numbers integer[]) returns void language sql
  security definer set search_path = catalog, pg_temp as $$
  insert into catalog.facet_members as known (facet_id, kind, chunk, share_id, members)
    select a.facet_id, of_kind, a.number >> 10, f.share_id,
           bit_or(set_bit(b'0'::bit(1024), a.number & 1023, 1))
    from unnest(facets, numbers) as a (facet_id, number) join catalog.facet f on f.id = a.facet_id
    group by 1, 2, 3, 4 order by 1, 3
    on conflict (facet_id, kind, chunk) do update set members = known.members | excluded.members
    where known.members | excluded.members <> known.members
$$;
revoke execute on function catalog.add_members(text, integer[], integer[]) from public;

create function catalog.renew_members(facets integer[]) returns void language plpgsql security definer
  set search_path = catalog, pg_temp as $$
begin
  perform from catalog.facet_members m where m.facet_id = any (facets) order by m.facet_id, m.kind, m.chunk for update;
  update catalog.facet_members m
    set members = coalesce((
      select bit_or(set_bit(b'0'::bit(1024), t.study_no & 1023, 1)) from catalog.study_facet t
      where t.facet_id = m.facet_id and t.study_no between m.chunk << 10 and (m.chunk << 10) + 1023), b'0'::bit(1024))
    where m.facet_id = any (facets) and m.kind = 'study';
  update catalog.facet_members m
    set members = coalesce((
      select bit_or(set_bit(b'0'::bit(1024), t.patient_no & 1023, 1)) from catalog.study_facet t
      where t.facet_id = m.facet_id and t.patient_no between m.chunk << 10 and (m.chunk << 10) + 1023), b'0'::bit(1024))
    where m.facet_id = any (facets) and m.kind = 'patient';
end $$;
revoke execute on function catalog.renew_members(integer[]) from public;

create function catalog.count_added() returns trigger language plpgsql security definer
  set search_path = catalog, pg_temp as $$
declare facets integer[]; numbers integer[];
begin
  insert into catalog.study_facet as known (study_no, facet_id, patient_no, share_id, series_count)
    select study_no, facet_id, patient_no, share_id, count(*) from added group by 1, 2, 3, 4
    on conflict (study_no, facet_id, patient_no) do update set series_count = known.series_count + excluded.series_count;
  update catalog.facet f set series_count = f.series_count + a.series, image_count = f.image_count + a.images,
                             byte_count = f.byte_count + a.bytes
    from (select facet_id, count(*) as series, sum(image_count) as images, coalesce(sum(byte_count), 0) as bytes
          from added group by 1 order by 1) a where f.id = a.facet_id;
  update catalog.description d
    set share_ids = array(select distinct unnest(d.share_ids || a.share_ids) order by 1)
    from (select description_id, array_agg(distinct share_id) as share_ids from added group by 1 order by 1) a
    where d.id = a.description_id and not d.share_ids @> a.share_ids;
  perform catalog.sum_up(array(select distinct study_no from added order by 1),
                         array(select distinct patient_no from added order by 1));
  select array_agg(facet_id), array_agg(study_no) into facets, numbers
    from (select distinct facet_id, study_no from added) a;
  perform catalog.add_members('study', facets, numbers);
  select array_agg(facet_id), array_agg(patient_no) into facets, numbers
    from (select distinct facet_id, patient_no from added) a;
  perform catalog.add_members('patient', facets, numbers);
  return null;
end $$;
create trigger count_added after insert on catalog.series referencing new table as added
  for each statement execute function catalog.count_added();

create function catalog.count_gone() returns trigger language plpgsql security definer
  set search_path = catalog, pg_temp as $$
begin
  update catalog.study_facet f set series_count = f.series_count - g.series
    from (select study_no, facet_id, patient_no, count(*) as series from gone group by 1, 2, 3) g
    where (f.study_no, f.facet_id, f.patient_no) = (g.study_no, g.facet_id, g.patient_no);
  delete from catalog.study_facet f using (select distinct study_no from gone) g
    where f.study_no = g.study_no and f.series_count = 0;
  update catalog.facet f set series_count = f.series_count - g.series, image_count = f.image_count - g.images,
                             byte_count = f.byte_count - g.bytes
    from (select facet_id, count(*) as series, sum(image_count) as images, coalesce(sum(byte_count), 0) as bytes
          from gone group by 1 order by 1) g where f.id = g.facet_id;
  update catalog.description d
    set share_ids = array(select distinct s.share_id from catalog.series s where s.description_id = d.id order by 1)
    from (select distinct description_id from gone) g where d.id = g.description_id;
  perform catalog.sum_up(array(select distinct study_no from gone order by 1),
                         array(select distinct patient_no from gone order by 1));
  perform catalog.renew_members(array(select distinct facet_id from gone order by 1));
  return null;
end $$;
create trigger count_gone after delete on catalog.series referencing old table as gone
  for each statement execute function catalog.count_gone();

-- A row that moves to another share or facet is taken out there and counted in here.
create function catalog.count_moved() returns trigger language plpgsql security definer
  set search_path = catalog, pg_temp as $$
declare
  studies integer[]; patients integer[]; descriptions integer[]; into_facets integer[]; from_facets integer[];
  own_studies integer[]; own_patients integer[];
begin
  with changed as materialized (
    select n.study_no, n.patient_no, n.description_id, n.image_count, coalesce(n.byte_count, 0) as byte_count,
           n.facet_id as into_facet, n.share_id as into_share, w.facet_id as from_facet, w.share_id as from_share
    from now_so n join was_so w using (series_uid)
    where (n.facet_id, n.share_id) is distinct from (w.facet_id, w.share_id)
  ), step as (
    select study_no, into_facet as facet_id, patient_no, into_share as share_id, 1 as way, image_count, byte_count
    from changed
    union all
    select study_no, from_facet, patient_no, from_share, -1, image_count, byte_count from changed
    where from_facet is not null
  ), of_studies as (
    insert into catalog.study_facet as known (study_no, facet_id, patient_no, share_id, series_count)
      select study_no, facet_id, patient_no, share_id, sum(way) from step group by 1, 2, 3, 4
      on conflict (study_no, facet_id, patient_no)
      do update set series_count = known.series_count + excluded.series_count
  ), of_facets as (
    update catalog.facet f set series_count = f.series_count + m.series, image_count = f.image_count + m.images,
                               byte_count = f.byte_count + m.bytes
      from (select facet_id, sum(way) as series, sum(way * image_count) as images, sum(way * byte_count) as bytes
            from step group by 1 order by 1) m where f.id = m.facet_id
  )
  select array_agg(distinct study_no), array_agg(distinct patient_no), array_agg(distinct description_id),
         array_agg(into_facet), array_agg(study_no), array_agg(patient_no), array_agg(distinct from_facet)
    into studies, patients, descriptions, into_facets, own_studies, own_patients, from_facets from changed;
  if studies is null then return null; end if;
  delete from catalog.study_facet f where f.study_no = any (studies) and f.series_count = 0;
  update catalog.description d
    set share_ids = array(select distinct s.share_id from catalog.series s where s.description_id = d.id order by 1)
    where d.id = any (descriptions);
  perform catalog.sum_up(studies, patients);
  perform catalog.add_members('study', into_facets, own_studies);
  perform catalog.add_members('patient', into_facets, own_patients);
  perform catalog.renew_members(from_facets);
  return null;
end $$;
create trigger count_moved after update on catalog.series referencing old table as was_so new table as now_so
  for each statement execute function catalog.count_moved();

-- Curation's guards learn the new state: a listed series is nobody's to release, it is fetched or it goes.
create or replace function curation.guard_birth() returns trigger language plpgsql as $$
begin
  if new.state not in ('held', 'listed') then
    raise exception 'a series enters the catalog held, or listed' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
drop trigger guard_birth on catalog.series;
create trigger guard_birth before insert on catalog.series
  for each row when (new.state not in ('held', 'listed')) execute function curation.guard_birth();

create or replace function curation.guard_release() returns trigger language plpgsql as $$
declare settled text;
begin
  if new.state is distinct from old.state then
    if old.state = 'listed' then
      raise exception 'series % is only listed', new.series_uid
        using hint = 'Fetch it: what is de-identified from it is held, and curated.', errcode = 'restrict_violation';
    end if;
    select o.decision into settled from curation.outcome o where o.series_uid = new.series_uid;
    if (new.state = 'released' and settled is distinct from 'accept')
       or (new.state = 'rejected' and settled is distinct from 'reject')
       or new.state in ('held', 'listed') then
      raise exception 'series % cannot become %: its sign-offs say %',
        new.series_uid, new.state, coalesce(settled, 'nothing yet')
        using hint = 'Two curators sign off, or an adjudicator settles it.', errcode = 'restrict_violation';
    end if;
    insert into catalog.revision (series_uid, change) values (new.series_uid, new.state);
  end if;
  return new;
end $$;

create function catalog.guard_gone() returns trigger language plpgsql as $$
begin
  raise exception 'series % is here, and stays in the catalog', old.series_uid
    using hint = 'Only what a public index listed, and lists no more, leaves it.', errcode = 'restrict_violation';
end $$;
create trigger guard_gone before delete on catalog.series
  for each row when (old.state <> 'listed') execute function catalog.guard_gone();

-- Checks and housekeeping that the loader asks for.
create function catalog.misfiled() returns bigint language sql stable
  return (select count(*) from catalog.series s
          left join catalog.share h on h.id = s.share_id
          left join catalog.facet f on f.id = s.facet_id
          left join catalog.study t on t.study_uid = s.study_uid
          left join catalog.patient p on p.collection = s.collection and p.patient_alias = s.patient_alias
          where (h.collection, h.owner, h.team, h.visibility, h.state, f.share_id, f.modality, t.study_no, p.patient_no)
                is distinct from
                (s.collection, s.owner, s.team, s.visibility, s.state, s.share_id, s.modality, s.study_no, s.patient_no)
             or f.collection is distinct from s.collection);
comment on function catalog.misfiled is 'Series whose share, facet, study or patient number is not that of their columns; zero is what one wants.';

create function catalog.refresh_statistics() returns void language plpgsql security definer
  set search_path = catalog, pg_temp as $$
begin
  analyze catalog.collection, catalog.patient, catalog.study, catalog.series, catalog.share, catalog.facet,
          catalog.study_facet, catalog.facet_members, catalog.description;
end $$;
revoke execute on function catalog.refresh_statistics() from public;
grant execute on function catalog.refresh_statistics() to radflow_pipeline;

-- The facets that filters choose, each filter a list of values or null; under the reader's own policies.
create function catalog.matching(of_collection text[], of_modality text[], of_body_part text[], of_sex text[],
  of_age_band text[], of_manufacturer text[], of_licence text[], of_analysis_result text[], of_state text[])
  returns setof integer language sql stable parallel safe rows 500
begin atomic
  select f.id from catalog.facet f join catalog.share h on h.id = f.share_id
  where f.series_count > 0
    and (of_collection is null or f.collection = any (of_collection))
    and (of_modality is null or f.modality = any (of_modality))
    and (of_body_part is null or f.body_part_label = any (of_body_part))
    and (of_sex is null or f.sex = any (of_sex))
    and (of_age_band is null or f.age_band = any (of_age_band))
    and (of_manufacturer is null or f.manufacturer_label = any (of_manufacturer))
    and (of_licence is null or f.licence_label = any (of_licence))
    and (of_analysis_result is null or f.analysis_result = any (of_analysis_result))
    and (of_state is null or h.state = any (of_state));
end;

-- Text search for the portal. A match operator is not leakproof, so that under row-level security its index would go
-- unused; this function applies the rule itself: a description counts where a series that the reader may see has it.
create function catalog.visible_shares() returns integer[] language sql stable security definer
  set search_path = catalog, pg_temp
  return array(select s.id from catalog.share s
               where access.may_see(s.owner, s.team, s.visibility)
                 and (s.state in ('released', 'listed') or access.has_role('curator') or access.has_role('adjudicator')));

create function catalog.described(wanted tsquery) returns setof integer language sql stable security definer rows 2000
  set search_path = catalog, pg_temp
begin atomic
  select d.id from catalog.description d
  where d.words @@ wanted and d.share_ids && (select catalog.visible_shares());
end;
comment on function catalog.described is 'Descriptions with these words that a series has which the reader may see.';

alter table catalog.body_part_code enable row level security;
alter table catalog.modality_code enable row level security;
alter table catalog.manufacturer_name enable row level security;
alter table catalog.licence_name enable row level security;
alter table catalog.share enable row level security;
alter table catalog.facet enable row level security;
alter table catalog.study_facet enable row level security;
alter table catalog.facet_members enable row level security;
alter table catalog.description enable row level security;
alter table catalog.listing enable row level security;
create policy pipeline on catalog.body_part_code to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.modality_code to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.manufacturer_name to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.licence_name to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.share to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.facet to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.study_facet to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.facet_members to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.description to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.listing to radflow_pipeline using (true) with check (true);
create policy known on catalog.body_part_code for select to radflow_portal using (access.current_account() is not null);
create policy known on catalog.modality_code for select to radflow_portal using (access.current_account() is not null);
create policy known on catalog.manufacturer_name for select to radflow_portal using (access.current_account() is not null);
create policy known on catalog.licence_name for select to radflow_portal using (access.current_account() is not null);
create policy known on catalog.listing for select to radflow_portal using (access.current_account() is not null);

-- The rule, once per share. What hangs on a share is seen with it: the sub-selects run under the reader's own policies,
-- once per statement and not once per row; the first share nearly always decides.
create policy visible on catalog.share for select to radflow_portal using (
  access.may_see(owner, team, visibility)
  and (state in ('released', 'listed') or access.has_role('curator') or access.has_role('adjudicator')));
create policy visible on catalog.facet for select to radflow_portal using (share_id in (select s.id from catalog.share s));
create policy visible on catalog.study_facet for select to radflow_portal using (
  share_id in (select s.id from catalog.share s));
create policy visible on catalog.facet_members for select to radflow_portal using (
  share_id in (select s.id from catalog.share s));
create policy visible on catalog.description for select to radflow_portal using (
  share_ids[1] in (select s.id from catalog.share s) or share_ids && array(select s.id from catalog.share s));
drop policy visible on catalog.series;
create policy visible on catalog.series for select to radflow_portal using (
  share_id in (select s.id from catalog.share s));
drop policy visible on catalog.study;
create policy visible on catalog.study for select to radflow_portal using (
  share_ids[1] in (select s.id from catalog.share s) or share_ids && array(select s.id from catalog.share s));
drop policy visible on catalog.patient;
create policy visible on catalog.patient for select to radflow_portal using (
  share_ids[1] in (select s.id from catalog.share s) or share_ids && array(select s.id from catalog.share s));
drop policy visible on catalog.collection;
create policy visible on catalog.collection for select to radflow_portal using (
  exists (select from catalog.facet f where f.collection = collection.name and f.series_count > 0));
create index facet_collection on catalog.facet (collection);

grant select on catalog.body_part_code, catalog.modality_code, catalog.manufacturer_name, catalog.licence_name,
  catalog.share, catalog.facet, catalog.study_facet, catalog.facet_members, catalog.description, catalog.listing to radflow_portal;
grant select, insert on catalog.body_part_code, catalog.modality_code, catalog.manufacturer_name,
  catalog.licence_name, catalog.share, catalog.facet, catalog.description, catalog.listing to radflow_pipeline;
grant select on catalog.study_facet, catalog.facet_members to radflow_pipeline;
grant delete on catalog.series to radflow_pipeline;   -- listed ones: guard_gone
grant update (title, description, licence, doi, cancer_types, tumor_locations, species, subject_count, source_version,
  group_name) on catalog.collection to radflow_pipeline;
grant update (patient_sex) on catalog.patient to radflow_pipeline;
grant update (study_date, study_description, patient_age_years) on catalog.study to radflow_pipeline;

-- The loader vacuums what it loaded where the server can grant that (17 and later); elsewhere autovacuum comes by itself.
do $$ begin
  if current_setting('server_version_num')::integer >= 170000 then
    execute 'grant maintain on catalog.series, catalog.study, catalog.patient, catalog.study_facet, catalog.facet,
             catalog.facet_members, catalog.description to radflow_pipeline';
  end if;
end $$;

-- Seeds. Codes from the DICOM subset of SNOMED CT and from DCM, as PS3.16 2026 has them (pydicom.sr).
insert into catalog.body_part_code (value, scheme, code, meaning, match_quality) values
  ('ABDOMEN', 'SCT', '818981001', 'Abdomen', 'exact'),
  ('ABDOMENPELVIS', 'SCT', '818982008', 'Abdomen and Pelvis', 'exact'),
  ('ABDPELVIS', 'SCT', '818982008', 'Abdomen and Pelvis', 'exact'),
  ('ADRENAL', 'SCT', '23451007', 'Adrenal gland', 'exact'), ('ANKLE', 'SCT', '70258002', 'Ankle joint', 'exact'),
  ('ANUS', 'SCT', '53505006', 'Anus', 'exact'), ('AORTA', 'SCT', '15825003', 'Aorta', 'exact'),
  ('ARM', 'SCT', '53120007', 'Upper limb', 'approximate'),
  ('BDCTABDWOWC', 'SCT', '818981001', 'Abdomen', 'approximate'), ('BLADDER', 'SCT', '89837001', 'Bladder', 'exact'),
  ('BODY', 'SCT', '38266002', 'Entire body', 'approximate'),
  ('BONYPELVIS', 'SCT', '816092008', 'Pelvis', 'approximate'), ('BRAIN', 'SCT', '12738006', 'Brain', 'exact'),
  ('BREAST', 'SCT', '76752008', 'Breast', 'exact'), ('BREASTS', 'SCT', '76752008', 'Breast', 'approximate'),
  ('BRONCHUS', 'SCT', '955009', 'Bronchus', 'exact'), ('CALF', 'SCT', '30021000', 'Lower leg', 'approximate'),
  ('CAROTID', 'SCT', '69105007', 'Carotid Artery', 'exact'),
  ('CERVICALSPINE', 'SCT', '122494005', 'Cervical spine', 'exact'), ('CERVIX', 'SCT', '71252005', 'Cervix', 'exact'),
  ('CHEST', 'SCT', '816094009', 'Chest', 'exact'),
  ('CHESTABDOMEN', 'SCT', '416550000', 'Chest and Abdomen', 'exact'),
  ('CHESTABDOMENPELVIS', 'SCT', '416775004', 'Chest, Abdomen and Pelvis', 'exact'),
  ('CHESTABDPELVIS', 'SCT', '416775004', 'Chest, Abdomen and Pelvis', 'exact'),
  ('CHESTTHORAXW', 'SCT', '816094009', 'Chest', 'approximate'), ('CLAVICLE', 'SCT', '51299004', 'Clavicle', 'exact'),
  ('COCCYX', 'SCT', '64688005', 'Coccyx', 'exact'), ('COLON', 'SCT', '71854001', 'Colon', 'exact'),
  ('CSPINE', 'SCT', '122494005', 'Cervical spine', 'exact'), ('CTSPINE', 'SCT', '421060004', 'Spine', 'approximate'),
  ('DUODENUM', 'SCT', '38848004', 'Duodenum', 'exact'), ('EAR', 'SCT', '117590005', 'Ear', 'exact'),
  ('ELBOW', 'SCT', '16953009', 'Elbow joint', 'exact'), ('ESOPHAGUS', 'SCT', '32849002', 'Esophagus', 'exact'),
  ('EXTREMITY', 'SCT', '66019005', 'Extremity', 'exact'), ('EYE', 'SCT', '81745001', 'Eye', 'exact'),
  ('FACE', 'SCT', '89545001', 'Face', 'exact'), ('FEMORALA', 'SCT', '7657000', 'Femoral artery', 'exact'),
  ('FEMUR', 'SCT', '71341001', 'Femur', 'exact'), ('FINGER', 'SCT', '7569003', 'Finger', 'exact'),
  ('FOOT', 'SCT', '56459004', 'Foot', 'exact'), ('FOREARM', 'SCT', '14975008', 'Forearm', 'exact'),
  ('FUSION', null, null, 'Fusion', 'none'), ('GALLBLADDER', 'SCT', '28231008', 'Gallbladder', 'exact'),
  ('HAND', 'SCT', '85562004', 'Hand', 'exact'), ('HEAD', 'SCT', '69536005', 'Head', 'exact'),
  ('HEADNECK', 'SCT', '774007', 'Head and Neck', 'exact'), ('HEART', 'SCT', '80891009', 'Heart', 'exact'),
  ('HIP', 'SCT', '29836001', 'Hip', 'exact'), ('HUMERUS', 'SCT', '85050009', 'Humerus', 'exact'),
  ('IAC', 'SCT', '361078006', 'Internal Auditory Canal', 'exact'),
  ('JAW', 'SCT', '91609006', 'Mandible', 'approximate'), ('KIDNEY', 'SCT', '64033007', 'Kidney', 'exact'),
  ('KIDNEYS', 'SCT', '64033007', 'Kidney', 'approximate'), ('KNEE', 'SCT', '72696002', 'Knee', 'exact'),
  ('LARGEINTESTINE', 'SCT', '14742008', 'Large intestine', 'exact'), ('LARYNX', 'SCT', '4596009', 'Larynx', 'exact'),
  ('LEFTBREAST', 'SCT', '80248007', 'Left breast', 'exact'), ('LEG', 'SCT', '61685007', 'Lower limb', 'approximate'),
  ('LIVER', 'SCT', '10200004', 'Liver', 'exact'), ('LOWERLIMB', 'SCT', '61685007', 'Lower limb', 'exact'),
  ('LSPINE', 'SCT', '122496007', 'Lumbar spine', 'exact'),
  ('LSSPINE', 'SCT', '1217253001', 'Lumbo-sacral spine', 'exact'),
  ('LUMBARSPINE', 'SCT', '122496007', 'Lumbar spine', 'exact'), ('LUNG', 'SCT', '39607008', 'Lung', 'exact'),
  ('LUNGS', 'SCT', '39607008', 'Lung', 'approximate'), ('MANDIBLE', 'SCT', '91609006', 'Mandible', 'exact'),
  ('MAXILLA', 'SCT', '70925003', 'Maxilla', 'exact'), ('MEDIASTINUM', 'SCT', '72410000', 'Mediastinum', 'exact'),
  ('NECK', 'SCT', '45048000', 'Neck', 'exact'), ('NECKCHEST', 'SCT', '417437006', 'Neck and Chest', 'exact'),
  ('NECKCHESTABDOMEN', 'SCT', '416152001', 'Neck, Chest and Abdomen', 'exact'),
  ('NECKCHESTABDPELV', 'SCT', '416319003', 'Neck, Chest, Abdomen and Pelvis', 'exact'),
  ('NOSE', 'SCT', '45206002', 'Nose', 'exact'), ('OPTICCANAL', 'SCT', '55024004', 'Optic canal', 'exact'),
  ('ORBIT', 'SCT', '363654007', 'Orbit', 'exact'), ('OTHER', null, null, 'Other', 'none'),
  ('OUTSIDEFIL', null, null, 'Outsidefil', 'none'), ('OVARY', 'SCT', '15497006', 'Ovary', 'exact'),
  ('PANCREAS', 'SCT', '15776009', 'Pancreas', 'exact'), ('PELVIS', 'SCT', '816092008', 'Pelvis', 'exact'),
  ('PHANTOM', 'SCT', '706342009', 'Phantom', 'exact'), ('PHARYNX', 'SCT', '54066008', 'Pharynx', 'exact'),
  ('PROSTATE', 'SCT', '41216001', 'Prostate', 'exact'), ('RECTUM', 'SCT', '34402009', 'Rectum', 'exact'),
  ('RIB', 'SCT', '113197003', 'Rib', 'exact'), ('RIGHTBREAST', 'SCT', '73056007', 'Right breast', 'exact'),
  ('SACRUM', 'SCT', '54735007', 'Sacrum', 'exact'), ('SCAPULA', 'SCT', '79601000', 'Scapula', 'exact'),
  ('SEG', null, null, 'Seg', 'none'), ('SHOULDER', 'SCT', '16982005', 'Shoulder', 'exact'),
  ('SINUS', 'SCT', '2095001', 'Paranasal sinus', 'exact'), ('SKIN', 'SCT', '39937001', 'Skin', 'exact'),
  ('SKULL', 'SCT', '89546000', 'Skull', 'exact'), ('SMALLINTESTINE', 'SCT', '30315005', 'Small intestine', 'exact'),
  ('SPINE', 'SCT', '421060004', 'Spine', 'exact'), ('SPLEEN', 'SCT', '78961009', 'Spleen', 'exact'),
  ('SSPINE', 'SCT', '54735007', 'Sacrum', 'exact'), ('STERNUM', 'SCT', '56873002', 'Sternum', 'exact'),
  ('STOMACH', 'SCT', '69695003', 'Stomach', 'exact'), ('TESTIS', 'SCT', '40689003', 'Testis', 'exact'),
  ('THCTCHESTWOC', 'SCT', '816094009', 'Chest', 'approximate'), ('THIGH', 'SCT', '68367000', 'Thigh', 'exact'),
  ('THORACICSPINE', 'SCT', '122495006', 'Thoracic spine', 'exact'), ('THORAX', 'SCT', '816094009', 'Chest', 'exact'),
  ('THYROID', 'SCT', '69748006', 'Thyroid', 'exact'), ('TLSPINE', 'SCT', '421060004', 'Spine', 'approximate'),
  ('TOE', 'SCT', '29707007', 'Toe', 'exact'), ('TONGUE', 'SCT', '21974007', 'Tongue', 'exact'),
  ('TRACHEA', 'SCT', '44567001', 'Trachea', 'exact'), ('TSPINE', 'SCT', '122495006', 'Thoracic spine', 'exact'),
  ('UNKNOWN', null, null, 'Unknown', 'none'), ('UPPERARM', 'SCT', '40983000', 'Upper arm', 'exact'),
  ('UPPERLIMB', 'SCT', '53120007', 'Upper limb', 'exact'), ('URETER', 'SCT', '87953007', 'Ureter', 'exact'),
  ('URETHRA', 'SCT', '13648007', 'Urethra', 'exact'), ('UTERUS', 'SCT', '35039007', 'Uterus', 'exact'),
  ('VAGINA', 'SCT', '76784001', 'Vagina', 'exact'), ('VULVA', 'SCT', '45292006', 'Vulva', 'exact'),
  ('WHOLEBODY', 'SCT', '38266002', 'Entire body', 'exact'), ('WOINTER', null, null, 'Wointer', 'none'),
  ('WRIST', 'SCT', '74670003', 'Wrist joint', 'exact');
insert into catalog.modality_code (value, scheme, code, meaning, match_quality) values
  ('ANN', 'DCM', 'ANN', 'Annotation', 'exact'), ('AU', 'DCM', 'AU', 'Basic Voice Audio', 'exact'),
  ('BI', 'DCM', 'BI', 'Biomagnetic Imaging', 'exact'), ('BMD', 'DCM', 'BMD', 'Bone Mineral Densitometry', 'exact'),
  ('CR', 'DCM', 'CR', 'Computed Radiography', 'exact'), ('CT', 'DCM', 'CT', 'Computed Tomography', 'exact'),
  ('CTPROTOCOL', 'DCM', 'CTPROTOCOL', 'CT Protocol', 'exact'), ('DMS', 'DCM', 'DMS', 'Dermoscopy', 'exact'),
  ('DOC', 'DCM', 'DOC', 'Document', 'exact'), ('DX', 'DCM', 'DX', 'Digital Radiography', 'exact'),
  ('ECG', 'DCM', 'ECG', 'Electrocardiography', 'exact'), ('EPS', 'DCM', 'EPS', 'Cardiac Electrophysiology', 'exact'),
  ('ES', 'DCM', 'ES', 'Endoscopy', 'exact'), ('GM', 'DCM', 'GM', 'General Microscopy', 'exact'),
  ('HC', 'DCM', 'HC', 'Hard Copy', 'exact'), ('HD', 'DCM', 'HD', 'Hemodynamic Waveform', 'exact'),
  ('IO', 'DCM', 'IO', 'Intra-oral Radiography', 'exact'),
  ('IVOCT', 'DCM', 'IVOCT', 'Intravascular Optical Coherence Tomography', 'exact'),
  ('IVUS', 'DCM', 'IVUS', 'Intravascular Ultrasound', 'exact'), ('KO', 'DCM', 'KO', 'Key Object Selection', 'exact'),
  ('LEN', 'DCM', 'LEN', 'Lensometry', 'exact'), ('LS', 'DCM', 'LS', 'Laser Surface Scan', 'exact'),
  ('M3D', 'DCM', 'M3D', '3D Manufacturing Modeling System', 'exact'), ('MG', 'DCM', 'MG', 'Mammography', 'exact'),
  ('MR', 'DCM', 'MR', 'Magnetic Resonance', 'exact'), ('NM', 'DCM', 'NM', 'Nuclear Medicine', 'exact'),
  ('OCT', 'DCM', 'OCT', 'Optical Coherence Tomography', 'exact'),
  ('OP', 'DCM', 'OP', 'Ophthalmic Photography', 'exact'), ('OPT', 'DCM', 'OPT', 'Ophthalmic Tomography', 'exact'),
  ('OPV', 'DCM', 'OPV', 'Ophthalmic Visual Field', 'exact'), ('OT', 'DCM', 'OT', 'Other Modality', 'exact'),
  ('PR', 'DCM', 'PR', 'Presentation State', 'exact'), ('PT', 'DCM', 'PT', 'Positron emission tomography', 'exact'),
  ('PX', 'DCM', 'PX', 'Panoramic X-Ray', 'exact'), ('REG', 'DCM', 'REG', 'Registration', 'exact'),
  ('RF', 'DCM', 'RF', 'Radiofluoroscopy', 'exact'), ('RTDOSE', 'DCM', 'RTDOSE', 'Radiotherapy Dose', 'exact'),
  ('RTIMAGE', 'DCM', 'RTIMAGE', 'Radiotherapy Image', 'exact'),
  ('RTPLAN', 'DCM', 'RTPLAN', 'Radiotherapy Plan', 'exact'),
  ('RTRECORD', 'DCM', 'RTRECORD', 'Radiotherapy Treatment Record', 'exact'),
  ('RTSTRUCT', 'DCM', 'RTSTRUCT', 'Radiotherapy Structure Set', 'exact'),
  ('RWV', 'DCM', 'RWV', 'Real World Value Map', 'exact'), ('SEG', 'DCM', 'SEG', 'Segmentation', 'exact'),
  ('SM', 'DCM', 'SM', 'Slide Microscopy', 'exact'), ('SR', 'DCM', 'SR', 'Structured Report Document', 'exact'),
  ('US', 'DCM', 'US', 'Ultrasound', 'exact'), ('VA', 'DCM', 'VA', 'Visual Acuity', 'exact'),
  ('XA', 'DCM', 'XA', 'X-Ray Angiography', 'exact'), ('XC', 'DCM', 'XC', 'External-camera Photography', 'exact'),
  ('FUSION', null, null, 'Fusion', 'none');
insert into catalog.manufacturer_name (value, name) values
  ('GEMEDICALSYSTEMS', 'GE'), ('GEHEALTHCARE', 'GE'), ('GE', 'GE'), ('GEMS', 'GE'),
  ('GEMEDICALSYSTEMSNUCLEAR', 'GE'), ('GEHEALTHCARESURGERY', 'GE'), ('GEMEDICALSYSTEMSMIMSOFTWARE', 'GE'),
  ('GEMEDICALSYSTEMSMIMVISTA', 'GE'), ('GEMEDICALSSTEMS', 'GE'), ('SIEMENS', 'Siemens'),
  ('SIEMENSHEALTHINEERS', 'Siemens'), ('SIEMENSHEALTHCARE', 'Siemens'), ('SIEMENSHEALTHCAREGMBH', 'Siemens'),
  ('SIEMENSNM', 'Siemens'), ('SIEMENSMOLECULARIMAGING', 'Siemens'), ('SIEMENSMIMSOFTWARE', 'Siemens'),
  ('SIEMENSMIMVISTA', 'Siemens'), ('SIEMENSCORPORATERESEARCH', 'Siemens'), ('ACUSON', 'Siemens'),
  ('PHILIPS', 'Philips'), ('PHILIPSMEDICALSYSTEMS', 'Philips'), ('PHILIPSHEALTHCARE', 'Philips'),
  ('PHILIPSMEDICALSYSTEMSINC', 'Philips'), ('PHILIPSMIMSOFTWARE', 'Philips'), ('PHILIPSMIMVISTA', 'Philips'),
  ('PHILIPSMEDICALSYSTEMSMIMSOFTWARE', 'Philips'), ('PHILIPSMEDICALSYSTEMSMIMVISTA', 'Philips'), ('PNMS', 'Philips'),
  ('TOSHIBA', 'Canon'), ('TOSHIBAMEC', 'Canon'), ('CANONMEDICALSYSTEMS', 'Canon'), ('CANON', 'Canon'),
  ('CANONINC', 'Canon'), ('HOLOGICINC', 'Hologic'), ('HOLOGIC', 'Hologic'), ('LORAD', 'Hologic'),
  ('LORADAHOLOGICCOMPANY', 'Hologic'), ('CARESTREAMHEALTH', 'Carestream'), ('CARESTREAM', 'Carestream'),
  ('VARIANIMAGINGLABORATORIESSWITZERLAND', 'Varian'), ('VARIANMEDICALSYSTEMS', 'Varian'),
  ('VARIANMEDICALSYSTEMSMIMSOFTWARE', 'Varian'), ('VARIAN', 'Varian'), ('FUJIFILMHEALTHCARECORPORATION', 'Fujifilm'),
  ('FUJIFILMCORPORATION', 'Fujifilm'), ('FUJIPHOTOFILMCOLTD', 'Fujifilm'), ('FUJIFILM', 'Fujifilm'),
  ('HITACHILTD', 'Hitachi'), ('HITACHIMEDICALCORPORATION', 'Hitachi'), ('HITACHI', 'Hitachi'), ('AGFA', 'Agfa'),
  ('AGFAHEALTHCAREINFORMATICS', 'Agfa'), ('ELEKTA', 'Elekta'), ('ELEKTAMIMSOFTWARE', 'Elekta'),
  ('LEICABIOSYSTEMS', 'Leica'), ('CARLZEISS', 'Zeiss'), ('ZEISS', 'Zeiss'), ('UIH', 'United Imaging'),
  ('UIHMIMSOFTWARE', 'United Imaging'), ('CTI', 'CTI'), ('CTIMIMVISTA', 'CTI'), ('CPS', 'CTI'),
  ('SAMSUNGELECTRONICS', 'Samsung'), ('RIVERAINTECHNOLOGIES', 'Riverain'), ('VITALIMAGESINC', 'Vital Images'),
  ('UNKNOWNMANUFACTURER', ''), ('NA', ''), ('0000000', '');
insert into catalog.licence_name (value, short_name, uri, commercial) values
  ('CCBY30', 'CC BY 3.0', 'https://creativecommons.org/licenses/by/3.0/', true),
  ('CREATIVECOMMONSATTRIBUTION30UNPORTED', 'CC BY 3.0', 'https://creativecommons.org/licenses/by/3.0/', true),
  ('CREATIVECOMMONSATTRIBUTION30UNPORTEDLICENSE', 'CC BY 3.0', 'https://creativecommons.org/licenses/by/3.0/', true),
  ('CCBY40', 'CC BY 4.0', 'https://creativecommons.org/licenses/by/4.0/', true),
  ('CREATIVECOMMONSATTRIBUTION40INTERNATIONAL', 'CC BY 4.0', 'https://creativecommons.org/licenses/by/4.0/', true),
  ('CREATIVECOMMONSATTRIBUTION40INTERNATIONALLICENSE', 'CC BY 4.0', 'https://creativecommons.org/licenses/by/4.0/', true),
  ('CCBYNC30', 'CC BY-NC 3.0', 'https://creativecommons.org/licenses/by-nc/3.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIAL30UNPORTED', 'CC BY-NC 3.0', 'https://creativecommons.org/licenses/by-nc/3.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIAL30UNPORTEDLICENSE', 'CC BY-NC 3.0', 'https://creativecommons.org/licenses/by-nc/3.0/', false),
  ('CCBYNC40', 'CC BY-NC 4.0', 'https://creativecommons.org/licenses/by-nc/4.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIAL40INTERNATIONAL', 'CC BY-NC 4.0', 'https://creativecommons.org/licenses/by-nc/4.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIAL40INTERNATIONALLICENSE', 'CC BY-NC 4.0', 'https://creativecommons.org/licenses/by-nc/4.0/', false),
  ('CCBYNCND30', 'CC BY-NC-ND 3.0', 'https://creativecommons.org/licenses/by-nc-nd/3.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIALNODERIVATIVES30UNPORTED', 'CC BY-NC-ND 3.0', 'https://creativecommons.org/licenses/by-nc-nd/3.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIALNODERIVATIVES30UNPORTEDLICENSE', 'CC BY-NC-ND 3.0', 'https://creativecommons.org/licenses/by-nc-nd/3.0/', false),
  ('CCBYNCND40', 'CC BY-NC-ND 4.0', 'https://creativecommons.org/licenses/by-nc-nd/4.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIALNODERIVATIVES40INTERNATIONAL', 'CC BY-NC-ND 4.0', 'https://creativecommons.org/licenses/by-nc-nd/4.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIALNODERIVATIVES40INTERNATIONALLICENSE', 'CC BY-NC-ND 4.0', 'https://creativecommons.org/licenses/by-nc-nd/4.0/', false),
  ('CCBYSA30', 'CC BY-SA 3.0', 'https://creativecommons.org/licenses/by-sa/3.0/', true),
  ('CREATIVECOMMONSATTRIBUTIONSHAREALIKE30UNPORTED', 'CC BY-SA 3.0', 'https://creativecommons.org/licenses/by-sa/3.0/', true),
  ('CREATIVECOMMONSATTRIBUTIONSHAREALIKE30UNPORTEDLICENSE', 'CC BY-SA 3.0', 'https://creativecommons.org/licenses/by-sa/3.0/', true),
  ('CCBYSA40', 'CC BY-SA 4.0', 'https://creativecommons.org/licenses/by-sa/4.0/', true),
  ('CREATIVECOMMONSATTRIBUTIONSHAREALIKE40INTERNATIONAL', 'CC BY-SA 4.0', 'https://creativecommons.org/licenses/by-sa/4.0/', true),
  ('CREATIVECOMMONSATTRIBUTIONSHAREALIKE40INTERNATIONALLICENSE', 'CC BY-SA 4.0', 'https://creativecommons.org/licenses/by-sa/4.0/', true),
  ('CCBYNCSA30', 'CC BY-NC-SA 3.0', 'https://creativecommons.org/licenses/by-nc-sa/3.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIALSHAREALIKE30UNPORTED', 'CC BY-NC-SA 3.0', 'https://creativecommons.org/licenses/by-nc-sa/3.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIALSHAREALIKE30UNPORTEDLICENSE', 'CC BY-NC-SA 3.0', 'https://creativecommons.org/licenses/by-nc-sa/3.0/', false),
  ('CCBYNCSA40', 'CC BY-NC-SA 4.0', 'https://creativecommons.org/licenses/by-nc-sa/4.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIALSHAREALIKE40INTERNATIONAL', 'CC BY-NC-SA 4.0', 'https://creativecommons.org/licenses/by-nc-sa/4.0/', false),
  ('CREATIVECOMMONSATTRIBUTIONNONCOMMERCIALSHAREALIKE40INTERNATIONALLICENSE', 'CC BY-NC-SA 4.0', 'https://creativecommons.org/licenses/by-nc-sa/4.0/', false),
  ('CC0', 'CC0 1.0', 'https://creativecommons.org/publicdomain/zero/1.0/', true),
  ('CC010', 'CC0 1.0', 'https://creativecommons.org/publicdomain/zero/1.0/', true),
  ('CREATIVECOMMONSCC010UNIVERSAL', 'CC0 1.0', 'https://creativecommons.org/publicdomain/zero/1.0/', true),
  ('NATIONALLIBRARYOFMEDICINETERMSANDCONDITIONSMAY212019', 'NLM terms', null, false);

-- Rows from before this migration are filed like new ones.
update catalog.series set facet_id = null where facet_id is null;
alter table catalog.series
  alter column study_no set not null, alter column patient_no set not null, alter column share_id set not null,
  alter column facet_id set not null, alter column description_id set not null;
