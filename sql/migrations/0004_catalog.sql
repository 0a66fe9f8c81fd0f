-- The catalog of de-identified images: only new UIDs, only shifted dates. Held until curation releases it.
create schema catalog;
grant usage on schema catalog to radflow_pipeline, radflow_portal;

create table catalog.policy (
  sha256 text primary key,
  name text not null,
  english text[] not null,
  engine_version text not null,
  recorded_at timestamptz not null default now()
);
comment on table catalog.policy is 'The de-identification policy an object was made under, in words.';

create table catalog.collection (
  name text primary key,
  source text not null,
  created_at timestamptz not null default now()
);

create table catalog.patient (
  collection text not null references catalog.collection,
  patient_alias text not null,
  patient_sex text,
  primary key (collection, patient_alias)
);

create table catalog.study (
  study_uid text primary key,
  collection text not null,
  patient_alias text not null,
  study_date date,
  patient_age_years double precision,
  foreign key (collection, patient_alias) references catalog.patient
);
comment on column catalog.study.study_date is 'Shifted by the patient''s offset; intervals within a patient are true.';

create table catalog.series (
  series_uid text primary key,
  study_uid text not null references catalog.study,
  collection text not null,
  patient_alias text not null,
  modality text not null,
  body_part text,
  image_type text[] not null default '{}',
  derived boolean not null default false,
  manufacturer text,
  manufacturer_model text,
  image_count integer not null check (image_count > 0),
  row_count integer,
  column_count integer,
  slice_thickness_mm double precision,
  spacing_between_slices_mm double precision,
  kvp double precision,
  exposure_mas double precision,
  tube_current_ma double precision,
  convolution_kernel text,
  attributes jsonb not null default '{}',
  uri text not null,
  manifest_sha256 text not null,
  policy_sha256 text not null references catalog.policy,
  licence text,
  licence_uri text,
  citation_uri text,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  state text not null default 'held' check (state in ('held', 'released', 'rejected')),
  catalogued_at timestamptz not null default now(),
  settled_at timestamptz,
  foreign key (collection, patient_alias) references catalog.patient,
  check (visibility <> 'team' or team is not null),
  check ((state = 'held') = (settled_at is null))
);
create index series_study on catalog.series (study_uid);
create index series_patient on catalog.series (collection, patient_alias);
create index series_state on catalog.series (state, modality, body_part);

create table catalog.instance (
  sop_uid text primary key,
  series_uid text not null references catalog.series,
  sha256 text not null
);
create index instance_series on catalog.instance (series_uid);

create table catalog.tag (
  series_uid text not null references catalog.series,
  scheme text not null,
  code text not null,
  meaning text not null,
  match_quality text not null check (match_quality in ('exact', 'approximate', 'none')),
  primary key (series_uid, scheme, code)
);
create index tag_code on catalog.tag (scheme, code);
comment on table catalog.tag is 'What the curators agreed on; who said what stays in curation.sign_off.';

create table catalog.truth (
  series_uid text not null references catalog.series,
  name text not null,
  value double precision not null,
  origin text not null,
  primary key (series_uid, name)
);

create table catalog.revision (
  id bigint generated always as identity primary key,
  series_uid text not null references catalog.series,
  change text not null check (change in ('released', 'rejected')),
  at timestamptz not null default now()
);
comment on table catalog.revision is 'The catalog version is the highest id: a cohort names the one it was drawn from.';

alter table catalog.policy enable row level security;
alter table catalog.collection enable row level security;
alter table catalog.patient enable row level security;
alter table catalog.study enable row level security;
alter table catalog.series enable row level security;
alter table catalog.instance enable row level security;
alter table catalog.tag enable row level security;
alter table catalog.truth enable row level security;
alter table catalog.revision enable row level security;
create policy pipeline on catalog.policy to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.collection to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.patient to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.study to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.series to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.instance to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.tag to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.truth to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.revision to radflow_pipeline using (true) with check (true);
create policy visible on catalog.series for select to radflow_portal using (
  access.may_see(owner, team, visibility)
  and (state = 'released' or access.has_role('curator') or access.has_role('adjudicator')));
-- Everything below a series is seen with the series: the sub-selects run under the reader's own policies.
create policy visible on catalog.study for select to radflow_portal using (
  exists (select from catalog.series s where s.study_uid = study.study_uid));
create policy visible on catalog.patient for select to radflow_portal using (
  exists (select from catalog.series s
          where s.collection = patient.collection and s.patient_alias = patient.patient_alias));
create policy visible on catalog.collection for select to radflow_portal using (
  exists (select from catalog.series s where s.collection = collection.name));
create policy visible on catalog.policy for select to radflow_portal using (
  exists (select from catalog.series s where s.policy_sha256 = policy.sha256));
create policy visible on catalog.instance for select to radflow_portal using (
  exists (select from catalog.series s where s.series_uid = instance.series_uid));
create policy visible on catalog.tag for select to radflow_portal using (
  exists (select from catalog.series s where s.series_uid = tag.series_uid));
create policy visible on catalog.truth for select to radflow_portal using (
  exists (select from catalog.series s where s.series_uid = truth.series_uid));
create policy visible on catalog.revision for select to radflow_portal using (
  exists (select from catalog.series s where s.series_uid = revision.series_uid));
-- What was catalogued stays as it was: only the outcome of curation and a corrected truth may change.
grant select, insert on all tables in schema catalog to radflow_pipeline;
grant update (state, settled_at) on catalog.series to radflow_pipeline;
grant update (value, origin) on catalog.truth to radflow_pipeline;
grant select on all tables in schema catalog to radflow_portal;
