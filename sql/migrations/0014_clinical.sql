-- What is said about patients beside their images: reports, findings in them, laboratory values, diagnoses. Originals
-- stay in the landing zone; the catalog holds de-identified text and shifted dates under the images' own aliases.

create table catalog.clinical_run (
  id bigint generated always as identity primary key,
  dag_id text not null,
  run_id text not null,
  task_id text not null,
  part integer not null default -1,
  source text not null,
  source_kind text not null check (source_kind in ('fhir', 'hl7', 'csv')),
  collection text not null,
  selection text not null default '',
  identifiers text not null default '',
  licence text,
  received jsonb not null default '{}',
  catalogued jsonb not null default '{}',
  quarantined jsonb not null default '{}',
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  started_at timestamptz not null default now(),
  unique (dag_id, run_id, task_id, part, source_kind),
  check (visibility <> 'team' or team is not null)
);
comment on table catalog.clinical_run is
  'One fetch of clinical resources: what came by kind, what of it is catalogued, what is in quarantine by reason. Without identity.';

comment on column catalog.clinical_run.identifiers is
  'Which identifier of a patient is the Patient ID of the images (research.clinical.linking); not for the portal.';

create table landing.received_clinical (
  id bigint generated always as identity primary key,
  run_id bigint not null references catalog.clinical_run,
  source text not null,
  collection text not null,
  format text not null check (format in ('fhir', 'hl7', 'csv')),
  kind text not null check (kind in ('patient', 'imaging_study', 'report', 'observation', 'condition', 'message')),
  resource_key text not null check (resource_key ~ '^[0-9a-f]{64}$'),
  patient_key text check (patient_key ~ '^[0-9a-f]{64}$'),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  uri text not null,
  position bigint not null check (position >= 0),
  byte_count integer not null check (byte_count > 0),
  state text not null default 'received'
    check (state in ('received', 'deidentified', 'passed_over', 'quarantined')),
  reason_code text,
  reason text,
  instruction text,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null default 'private',
  release boolean not null default false,
  received_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  unique (source, collection, resource_key),
  check (visibility <> 'team' or team is not null),
  check ((state in ('passed_over', 'quarantined')) = (reason_code is not null))
);
comment on table landing.received_clinical is
  'One row per resource; tasks, logs and XCom name it by id. Its keys are hashes of the ids that its source gave.';
comment on column landing.received_clinical.position is 'Where it begins in its file, in bytes; byte_count is its length.';
comment on column landing.received_clinical.patient_key is 'resource_key of its Patient.';
comment on column landing.received_clinical.release is 'Whether its report is released without a person''s look.';
create index received_clinical_waiting on landing.received_clinical (id) where state = 'received';
create index received_clinical_patient on landing.received_clinical (patient_key) where patient_key is not null;
create index received_clinical_run on landing.received_clinical (run_id, kind, state);
alter table landing.received_clinical set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- De-identified, on its way to the catalog: the hand-over between two tasks, so that nothing of it passes XCom.
create table landing.clinical_record (
  received_id bigint primary key references landing.received_clinical on delete cascade,
  sha256 text not null,
  record jsonb not null
);
comment on table landing.clinical_record is 'sha256 is that of the original it was made of: a newer original makes it stale.';

create table landing.clinical_followed (
  source text not null,
  collection text not null,
  kinds text not null default '',
  group_id text not null default '',
  since timestamptz,
  bulk boolean not null default false,
  release boolean not null default false,
  licence text,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  followed_at timestamptz not null default now(),
  primary key (source, collection)
);
comment on column landing.clinical_followed.since is 'The server''s time when the last complete fetch began.';

create table catalog.report (
  report_id text primary key,
  received_id bigint not null references landing.received_clinical,
  collection text not null references catalog.collection,
  patient_alias text not null,
  study_uid text,
  accessions text[] not null default '{}',
  report_date date,
  kind text not null,
  scheme text,
  code text,
  meaning text,
  text text not null,
  sections jsonb not null default '[]',
  words tsvector not null generated always as (to_tsvector('english'::regconfig, text)) stored,
  source text not null,
  policy_sha256 text not null references catalog.policy,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  state text not null default 'held' check (state in ('held', 'released')),
  settled_by text,
  settled_at timestamptz,
  catalogued_at timestamptz not null default now(),
  foreign key (collection, patient_alias) references catalog.patient,
  check (visibility <> 'team' or team is not null)
);
comment on table catalog.report is 'De-identified report text; dates in it are shifted as those of the patient''s images are.';
comment on column catalog.report.study_uid is 'New Study Instance UID; the study itself may not be here (yet).';
comment on column catalog.report.accessions is 'Accession numbers, hashed as in the de-identified images.';
create index report_patient on catalog.report (collection, patient_alias, report_date);
create index report_study on catalog.report (study_uid) where study_uid is not null;
create index report_unlinked on catalog.report (collection, patient_alias) where study_uid is null;
create index report_words on catalog.report using gin (words);
create index report_received on catalog.report (received_id);
create index report_held on catalog.report (catalogued_at) where state = 'held';

create table catalog.finding (
  id bigint generated always as identity primary key,
  received_id bigint references landing.received_clinical,
  collection text not null references catalog.collection,
  patient_alias text not null,
  study_uid text,
  series_uid text,
  report_id text references catalog.report on delete cascade,
  found_on date,
  finding text not null,
  scheme text not null,
  code text not null,
  meaning text not null,
  match_quality text not null check (match_quality in ('exact', 'approximate', 'none')),
  status text not null check (status in ('present', 'absent', 'uncertain', 'historical', 'family')),
  certainty text check (certainty in ('definite', 'probable', 'possible')),
  start_offset integer,
  end_offset integer,
  rule_id text,
  origin text not null check (origin in ('report', 'curator', 'sr', 'fhir')),
  findings_version text,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  foreign key (collection, patient_alias) references catalog.patient,
  check (visibility <> 'team' or team is not null),
  check (origin <> 'report' or (report_id is not null and end_offset > start_offset))
);
comment on table catalog.finding is 'What a report, a person or an object says of a patient, by concept.';
comment on column catalog.finding.found_on is 'Shifted date of the report, for time windows.';
create index finding_what on catalog.finding (finding, status)
  include (collection, patient_alias, found_on, study_uid);
create index finding_code on catalog.finding (scheme, code, status) include (collection, patient_alias, found_on);
create index finding_patient on catalog.finding (collection, patient_alias, finding, status, found_on);
create index finding_study on catalog.finding (study_uid, finding, status) where study_uid is not null;
create index finding_report on catalog.finding (report_id);
create index finding_received on catalog.finding (received_id);

create table catalog.observation (
  id bigint generated always as identity primary key,
  received_id bigint not null references landing.received_clinical,
  collection text not null references catalog.collection,
  patient_alias text not null,
  observed_on date,
  scheme text not null,
  code text not null,
  meaning text not null,
  value double precision check (value <> 'NaN'),
  unit text,
  value_text text,
  origin text not null,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  foreign key (collection, patient_alias) references catalog.patient,
  check (visibility <> 'team' or team is not null)
);
comment on column catalog.observation.observed_on is 'Shifted by the patient''s offset: intervals to studies are true.';
create index observation_patient on catalog.observation (collection, patient_alias, scheme, code, observed_on)
  include (value, unit);
create index observation_code on catalog.observation (scheme, code, observed_on)
  include (collection, patient_alias, value, unit);
create index observation_received on catalog.observation (received_id);

create table catalog.condition (
  id bigint generated always as identity primary key,
  received_id bigint not null references landing.received_clinical,
  collection text not null references catalog.collection,
  patient_alias text not null,
  onset_on date,
  abated_on date,
  scheme text not null,
  code text not null,
  meaning text not null,
  clinical_status text not null,
  origin text not null,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null,
  foreign key (collection, patient_alias) references catalog.patient,
  check (visibility <> 'team' or team is not null)
);
create index condition_patient on catalog.condition (collection, patient_alias, scheme, code, onset_on);
create index condition_code on catalog.condition (scheme, code, clinical_status)
  include (collection, patient_alias, onset_on, abated_on);
create index condition_received on catalog.condition (received_id);
alter table catalog.observation set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table catalog.finding set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- The match operator is not leakproof, so under row-level security its index would go unused: the rule is applied here.
create function catalog.reports_about(asked tsquery) returns setof text language sql stable parallel safe
  security definer set search_path = catalog, pg_temp
begin atomic
  select r.report_id from catalog.report r
  where r.words @@ asked and access.may_see(r.owner, r.team, r.visibility)
    and (r.state = 'released' or access.has_role('curator') or access.has_role('adjudicator'));
end;
revoke execute on function catalog.reports_about(tsquery) from public;
grant execute on function catalog.reports_about(tsquery) to radflow_portal, radflow_pipeline;
comment on function catalog.reports_about is 'Reports that one may see and that match, by the index over their words.';

-- Images may come after their report: the accession number that both hash alike brings them together.
create function catalog.link_reports() returns trigger language plpgsql security definer
  set search_path = catalog, pg_temp as $$
begin
  with linked as (
    update catalog.report r set study_uid = new.study_uid
    where r.collection = new.collection and r.patient_alias = new.patient_alias and r.study_uid is null
      and r.accessions @> array[new.attributes->>'AccessionNumber']
    returning r.report_id)
  update catalog.finding f set study_uid = new.study_uid
  from linked l where f.report_id = l.report_id and f.study_uid is null;
  return null;
end $$;
create trigger link_reports after insert on catalog.series
  for each row when (new.attributes ? 'AccessionNumber') execute function catalog.link_reports();

-- A held report is shown by a curator, once; the text of what was shown does not change under the reader.
create function catalog.settle_report() returns trigger language plpgsql as $$
begin
  if new.state = 'held' then
    raise exception 'a released report is not held again'
      using hint = 'Delete it at its source; the next fetch takes it away.', errcode = 'restrict_violation';
  end if;
  new.settled_by := access.current_account();
  new.settled_at := now();
  insert into audit.event (account, action, object_kind, object_id)
    values (coalesce(new.settled_by, new.owner), 'report.released', 'report', new.report_id);
  return new;
end $$;
create trigger settle_report before update of state on catalog.report
  for each row when (new.state is distinct from old.state) execute function catalog.settle_report();

alter table catalog.clinical_run enable row level security;
alter table landing.received_clinical enable row level security;
alter table landing.clinical_record enable row level security;
alter table landing.clinical_followed enable row level security;
alter table catalog.report enable row level security;
alter table catalog.finding enable row level security;
alter table catalog.observation enable row level security;
alter table catalog.condition enable row level security;
create policy pipeline on catalog.clinical_run to radflow_pipeline using (true) with check (true);
create policy pipeline on landing.received_clinical to radflow_pipeline using (true) with check (true);
create policy pipeline on landing.clinical_record to radflow_pipeline using (true) with check (true);
create policy pipeline on landing.clinical_followed to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.report to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.finding to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.observation to radflow_pipeline using (true) with check (true);
create policy pipeline on catalog.condition to radflow_pipeline using (true) with check (true);
create policy broker on landing.received_clinical for select to radflow_broker using (true);
create policy visible on catalog.clinical_run for select to radflow_portal using (
  access.may_see(owner, team, visibility) or (select access.has_role('data_engineer')));
create policy visible on catalog.report for select to radflow_portal using (
  access.may_see(owner, team, visibility)
  and (state = 'released' or (select access.has_role('curator') or access.has_role('adjudicator'))));
create policy release on catalog.report for update to radflow_portal
  using (access.may_see(owner, team, visibility) and (select access.has_role('curator')))
  with check (state = 'released');
create policy visible on catalog.finding for select to radflow_portal using (
  access.may_see(owner, team, visibility));
create policy visible on catalog.observation for select to radflow_portal using (
  access.may_see(owner, team, visibility));
create policy visible on catalog.condition for select to radflow_portal using (
  access.may_see(owner, team, visibility));
grant select, insert, update on catalog.clinical_run, landing.received_clinical, landing.clinical_followed
  to radflow_pipeline;
grant select, insert, update, delete on landing.clinical_record to radflow_pipeline;
grant select on landing.received_clinical to radflow_broker;
-- A resource that its source corrects or takes back is taken away and entered anew; nothing in it is changed in place.
grant select, insert, delete on catalog.report, catalog.finding, catalog.observation, catalog.condition
  to radflow_pipeline;
grant update (study_uid) on catalog.report, catalog.finding to radflow_pipeline;
grant select on catalog.report, catalog.finding, catalog.observation, catalog.condition to radflow_portal;
grant select (id, dag_id, run_id, task_id, part, source, source_kind, collection, selection, licence, received,
  catalogued, quarantined, owner, team, visibility, started_at) on catalog.clinical_run to radflow_portal;
grant update (state) on catalog.report to radflow_portal;
