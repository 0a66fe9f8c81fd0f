-- The crosswalk between alias and identity. The pipeline may add rows and read none; the broker alone reads.
create schema phi;
grant usage on schema phi to radflow_pipeline, radflow_broker;

create table phi.patient (
  project text not null,
  patient_alias text not null,
  patient_id text not null,
  issuer_of_patient_id text not null default '',
  patient_name text,
  patient_birth_date text,
  days_offset integer not null,
  recorded_at timestamptz not null default now(),
  primary key (project, patient_alias, patient_id, issuer_of_patient_id)
);
comment on column phi.patient.days_offset is 'Days added to every date of this patient.';

create table phi.uid (
  project text not null,
  level text not null check (level in ('study', 'series', 'instance')),
  new_uid text not null,
  original_uid text not null,
  patient_alias text not null,
  recorded_at timestamptz not null default now(),
  primary key (project, new_uid)
);

alter table phi.patient enable row level security;
alter table phi.uid enable row level security;
create policy pipeline on phi.patient for insert to radflow_pipeline with check (true);
create policy pipeline on phi.uid for insert to radflow_pipeline with check (true);
create policy broker on phi.patient for select to radflow_broker using (true);
create policy broker on phi.uid for select to radflow_broker using (true);
grant insert on phi.patient, phi.uid to radflow_pipeline;
grant select on phi.patient, phi.uid to radflow_broker;
