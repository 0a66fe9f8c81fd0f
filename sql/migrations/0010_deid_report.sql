-- What de-identification did, per series and batch: reports without identity, append-only, seen like the series.
create table catalog.deid_batch (
  id bigint generated always as identity primary key,
  name text not null unique check (name <> ''),
  policy_sha256 text not null references catalog.policy,
  started_at timestamptz not null default now()
);
comment on table catalog.deid_batch is 'One run of de-identification over what waited; named by the Airflow run.';

create table catalog.deid_item (
  batch_id bigint not null references catalog.deid_batch,
  received_id bigint not null references landing.received_series,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  primary key (batch_id, received_id),
  check (visibility <> 'team' or team is not null)
);
comment on table catalog.deid_item is
  'The series that a batch is about, by their number; owner, team and visibility as they were received.';

create table catalog.deid_report (
  id bigint generated always as identity primary key,
  batch_id bigint not null,
  received_id bigint not null,
  report jsonb not null,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  created_at timestamptz not null default now(),
  kind text not null generated always as (report ->> 'kind') stored check (kind in ('series', 'quarantine')),
  report_sha256 text not null generated always as (report ->> 'sha256') stored check (report_sha256 ~ '^[0-9a-f]{64}$'),
  content_sha256 text not null generated always as (report ->> 'content_sha256') stored,
  policy_sha256 text generated always as (report #>> '{policy,sha256}') stored,
  series_uid text generated always as (report ->> 'series_uid') stored,
  patient_alias text generated always as (report ->> 'patient_alias') stored,
  reason_code text generated always as (report ->> 'code') stored,
  object_count integer not null generated always as (coalesce(report ->> 'objects', report ->> 'files')::integer) stored,
  finding_count integer not null generated always as (coalesce(jsonb_array_length(report -> 'findings'), 0)) stored,
  verified boolean not null generated always as (coalesce((report ->> 'verified')::boolean, false)) stored,
  modalities jsonb not null generated always as (report -> 'modalities') stored,
  actions jsonb not null generated always as (coalesce(report -> 'actions', '{}')) stored,
  outcomes jsonb not null generated always as (coalesce(report -> 'outcomes', '{}')) stored,
  cuts jsonb not null generated always as (coalesce(report -> 'cuts', '{}')) stored,
  foreign key (batch_id, received_id) references catalog.deid_item,
  check (visibility <> 'team' or team is not null),
  check ((kind = 'series') = (series_uid is not null)),
  check ((kind = 'quarantine') = (reason_code is not null))
);
create index deid_report_item on catalog.deid_report (batch_id, received_id, id);
create index deid_report_series on catalog.deid_report (series_uid);
create index deid_report_quarantine on catalog.deid_report (created_at, id) where kind = 'quarantine';
create index deid_report_received on catalog.deid_report (received_id, id);
comment on table catalog.deid_report is
  'The report of deid.report, sealed by its sha256; columns behind created_at are read out of it. The last of an item counts.';

create table catalog.deid_picture (
  report_id bigint not null references catalog.deid_report,
  name text not null check (name !~ '(^|/)before[^/]*$'),
  sha256 text not null,
  png bytea not null check (octet_length(png) <= 8388608),
  primary key (report_id, name),
  check (encode(sha256(png), 'hex') = sha256)
);
alter table catalog.deid_picture alter column png set storage external;
comment on table catalog.deid_picture is 'Pixels after de-identification; those from before are never in the database.';

create trigger append_only before update or delete or truncate on catalog.deid_batch
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on catalog.deid_item
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on catalog.deid_report
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on catalog.deid_picture
  for each statement execute function access.refuse_change();

-- The last word on a series must be the same for whoever asks, also where the reader may not see it.
create function catalog.deid_last(batch bigint, received bigint) returns bigint language sql stable security definer
  set search_path = catalog, pg_temp
  return (select max(r.id) from catalog.deid_report r where r.batch_id = batch and r.received_id = received);
comment on function catalog.deid_last is 'Number of the report that counts for a series in a batch.';

create function catalog.deid_waits(received bigint, refused bigint) returns boolean language sql stable security definer
  set search_path = catalog, pg_temp
  return not exists (select from catalog.deid_report r where r.received_id = received and r.id > refused)
     and not exists (select from landing.quarantine q join catalog.deid_report r on r.id = refused
                     where q.series_id = received and q.stage = 'deidentify' and q.decided_at >= r.created_at);
comment on function catalog.deid_waits is 'Whether nothing came after a report of quarantine: no later report, no decision.';

alter table catalog.deid_batch enable row level security;
alter table catalog.deid_item enable row level security;
alter table catalog.deid_report enable row level security;
alter table catalog.deid_picture enable row level security;
create policy pipeline on catalog.deid_batch to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.deid_item to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.deid_report to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.deid_picture to radflow_pipeline using (true) with check (true);
-- A report is seen like its series; while that is held, by its owner and those whose work it is. What is in quarantine is
-- the work of data engineers and brokers, whoever owns it. What is the same for every row is asked once: (select ...).
create policy visible on catalog.deid_report for select to radflow_portal using (
  case kind
    when 'series' then
      access.may_see(owner, team, visibility) and (
        owner = (select access.current_account())
        or (select access.has_role('data_engineer') or access.has_role('broker'))
        or exists (select from catalog.series s where s.series_uid = deid_report.series_uid))
    else
      (select access.current_account()) is not null and (
        owner = (select access.current_account())
        or (select access.has_role('data_engineer') or access.has_role('broker')))
  end);
-- A series in a batch is counted for those who see its report, or will see it.
create policy visible on catalog.deid_item for select to radflow_portal using (
  owner = (select access.current_account())
  or (access.may_see(owner, team, visibility)
      and (select access.has_role('data_engineer') or access.has_role('broker')))
  or exists (select from catalog.deid_report r where r.id = catalog.deid_last(deid_item.batch_id, deid_item.received_id)));
create policy visible on catalog.deid_batch for select to radflow_portal using (
  exists (select from catalog.deid_item i where i.batch_id = deid_batch.id));
create policy visible on catalog.deid_picture for select to radflow_portal using (
  exists (select from catalog.deid_report r where r.id = deid_picture.report_id));
create policy visible_with_batch on catalog.policy for select to radflow_portal using (
  exists (select from catalog.deid_batch b where b.policy_sha256 = policy.sha256));
grant select, insert on catalog.deid_batch, catalog.deid_item, catalog.deid_report, catalog.deid_picture
  to radflow_pipeline;
grant select on catalog.deid_batch, catalog.deid_item, catalog.deid_report, catalog.deid_picture to radflow_portal;
