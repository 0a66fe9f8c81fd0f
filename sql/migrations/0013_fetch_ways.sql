-- Ways in: which source was asked and which gave, how far a fetch is, and what people may see of it.
alter table landing.received_series
  add column source_kind text check (source_kind ~ '^[a-z][a-z0-9_]*$'),
  add column modality text,
  add column body_part text,
  add column offered_bytes bigint check (offered_bytes >= 0),
  add column address text,
  add column fallback text,
  add column given_by text,
  add column fetch_run_id bigint;
comment on column landing.received_series.address is 'Where the objects lie, for sources that need it.';
comment on column landing.received_series.given_by is 'The connection that delivered, where it is not source.';
update landing.received_series set source_kind = 'nbia';

alter table landing.followed
  add column fallback text not null default '',
  add column synced_on date;
comment on column landing.followed.synced_on is 'Day of the last complete list; the next one asks for what is newer.';

create table catalog.fetch_run (
  id bigint generated always as identity primary key,
  dag_id text not null,
  run_id text not null,
  task_id text not null,
  part integer not null default -1,
  source text not null,
  source_kind text not null,
  found_at text not null,
  collection text not null,
  selection text not null,
  dry_run boolean not null,
  offered jsonb not null,
  wanted jsonb not null,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  started_at timestamptz not null default now(),
  unique (dag_id, run_id, task_id, part),
  check (visibility <> 'team' or team is not null)
);
comment on table catalog.fetch_run is
  'One question to a source: what it offers and what of it is new, counted per modality. Without identity.';
alter table landing.received_series add foreign key (fetch_run_id) references catalog.fetch_run;

-- What landing says of a series, without its UID and its place, for the portal, which has no rights on landing.
create table catalog.fetched_series (
  received_id bigint primary key references landing.received_series on delete cascade,
  fetch_run_id bigint references catalog.fetch_run,
  source text not null,
  source_kind text,
  given_by text,
  collection text not null,
  modality text,
  body_part text,
  state text not null,
  image_count integer,
  byte_count bigint,
  bytes_done bigint,
  licence text,
  licence_uri text,
  citation_uri text,
  reason_code text,
  reason text,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  wanted_at timestamptz not null,
  received_at timestamptz,
  changed_at timestamptz not null,
  check (visibility <> 'team' or team is not null)
);
create index fetched_series_run on catalog.fetched_series (fetch_run_id);
create index fetched_series_collection on catalog.fetched_series (source, collection, state);
comment on table catalog.fetched_series is
  'Kept by a trigger on landing.received_series: whoever writes there, by whatever way in, is seen here.';

create function landing.tell_fetched() returns trigger language plpgsql as $$
begin
  insert into catalog.fetched_series as f
    (received_id, fetch_run_id, source, source_kind, given_by, collection, modality, body_part, state, image_count,
     byte_count, licence, licence_uri, citation_uri, reason_code, reason, owner, team, visibility, wanted_at,
     received_at, changed_at)
  values
    (new.id, new.fetch_run_id, new.source, new.source_kind, new.given_by, new.collection, new.modality,
     new.body_part, new.state, coalesce(new.object_count, new.image_count),
     coalesce(new.byte_count, new.offered_bytes), new.licence, new.licence_uri, new.citation_uri,
     new.reason_code, new.reason, new.owner, new.team, new.visibility, new.wanted_at, new.received_at,
     new.changed_at)
  on conflict (received_id) do update set
    fetch_run_id = excluded.fetch_run_id, source_kind = excluded.source_kind, given_by = excluded.given_by,
    modality = excluded.modality, body_part = excluded.body_part, state = excluded.state,
    image_count = excluded.image_count, byte_count = excluded.byte_count, bytes_done = null,
    licence = excluded.licence, licence_uri = excluded.licence_uri, citation_uri = excluded.citation_uri,
    reason_code = excluded.reason_code, reason = excluded.reason, owner = excluded.owner, team = excluded.team,
    visibility = excluded.visibility, received_at = excluded.received_at, changed_at = excluded.changed_at;
  return null;
end $$;
create trigger tell_fetched after insert or update on landing.received_series
  for each row execute function landing.tell_fetched();

-- What was received before: an update that changes nothing tells it.
update landing.received_series set state = state;

alter table catalog.fetch_run enable row level security;
alter table catalog.fetched_series enable row level security;
create policy pipeline on catalog.fetch_run to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.fetched_series to radflow_pipeline using (true) with check (true);
create policy visible on catalog.fetch_run for select to radflow_portal using (
  access.may_see(owner, team, visibility));
-- What failed or is in quarantine is also the work of data engineers and brokers, whoever owns it.
create policy visible on catalog.fetched_series for select to radflow_portal using (
  access.may_see(owner, team, visibility)
  or (state in ('failed', 'quarantined')
      and (select access.has_role('data_engineer') or access.has_role('broker'))));
grant select, insert, update on catalog.fetch_run, catalog.fetched_series to radflow_pipeline;
grant select on catalog.fetch_run, catalog.fetched_series to radflow_portal;
