-- What was received, from where, under which licence. This schema holds original UIDs: portal has no rights here.
create schema landing;
grant usage on schema landing to radflow_pipeline, radflow_broker;

create table landing.received_series (
  id bigint generated always as identity primary key,
  source text not null,
  collection text not null,
  series_uid text not null,
  state text not null default 'wanted'
    check (state in ('wanted', 'received', 'deidentified', 'quarantined', 'failed')),
  image_count integer check (image_count > 0),
  licence text,
  licence_uri text,
  citation_uri text,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null default 'private',
  uri text,
  object_count integer,
  byte_count bigint,
  manifest_sha256 text,
  research_series_uid text,
  reason_code text,
  reason text,
  attempts integer not null default 0,
  wanted_at timestamptz not null default now(),
  received_at timestamptz,
  changed_at timestamptz not null default now(),
  unique (source, collection, series_uid),
  check (visibility <> 'team' or team is not null),
  check (state not in ('received', 'deidentified') or (uri is not null and manifest_sha256 is not null))
);
comment on table landing.received_series is
  'One row per series asked for. Tasks, logs and XCom name a series by this id, never by its original UID.';
create index received_series_state on landing.received_series (state);

create table landing.received_object (
  series_id bigint not null references landing.received_series on delete cascade,
  name text not null,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  byte_count bigint not null,
  primary key (series_id, name)
);

create table landing.quarantine (
  id bigint generated always as identity primary key,
  series_id bigint not null references landing.received_series,
  stage text not null check (stage in ('fetch', 'deidentify')),
  reason_code text not null,
  reason text not null,
  uri text,
  quarantined_at timestamptz not null default now(),
  decided_at timestamptz,
  decided_by text,
  decision text,
  unique (series_id, stage, reason_code)
);
comment on table landing.quarantine is 'What could not be vouched for; a person decides.';

-- What the nightly fetch follows, and how it was asked for; a sample (limit) is not followed.
create table landing.followed (
  source text not null,
  collection text not null,
  modality text not null default '',
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  followed_at timestamptz not null default now(),
  primary key (source, collection, modality)
);

-- Reference values that came with the images, by original UID; de-identification carries them to catalog.truth.
create table landing.truth (
  source text not null,
  collection text not null,
  series_uid text not null,
  name text not null,
  value double precision not null,
  origin text not null,
  primary key (source, collection, series_uid, name)
);

alter table landing.received_series enable row level security;
alter table landing.received_object enable row level security;
alter table landing.quarantine enable row level security;
alter table landing.truth enable row level security;
alter table landing.followed enable row level security;
create policy pipeline on landing.followed to radflow_pipeline using (true) with check (true);
create policy pipeline on landing.received_series to radflow_pipeline using (true) with check (true);
create policy pipeline on landing.received_object to radflow_pipeline using (true) with check (true);
create policy pipeline on landing.quarantine to radflow_pipeline using (true) with check (true);
create policy pipeline on landing.truth to radflow_pipeline using (true) with check (true);
create policy broker on landing.received_series for select to radflow_broker using (true);
create policy broker on landing.received_object for select to radflow_broker using (true);
create policy broker on landing.quarantine to radflow_broker using (true) with check (true);
grant select, insert, update on landing.received_series, landing.quarantine, landing.truth, landing.followed
  to radflow_pipeline;
grant select, insert, delete on landing.received_object to radflow_pipeline;
grant select on landing.received_series, landing.received_object to radflow_broker;
grant select, update on landing.quarantine to radflow_broker;
