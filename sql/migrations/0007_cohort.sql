-- Frozen cohorts: criteria, catalog version, members and attrition, immutable.
create schema experiment;
grant usage on schema experiment to radflow_pipeline, radflow_portal;

-- One number for everything the experiment DAGs are made of; the DAG bundle's version is the highest id.
create table experiment.revision (
  id bigint generated always as identity primary key,
  change text not null,
  name text not null,
  at timestamptz not null default now()
);

create table experiment.cohort (
  id bigint generated always as identity primary key,
  name text not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  version integer not null check (version > 0),
  english text not null,
  criteria jsonb not null,
  criteria_sha256 text not null,
  catalog_version bigint not null,
  cohort_sha256 text not null,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null default 'private',
  frozen_at timestamptz not null default now(),
  revision bigint not null default 0,
  unique (name, version),
  unique (name, cohort_sha256),
  check (visibility <> 'team' or team is not null)
);

create table experiment.cohort_member (
  cohort_id bigint not null references experiment.cohort,
  series_uid text not null references catalog.series,
  study_uid text not null,
  patient_alias text not null,
  manifest_sha256 text not null,
  primary key (cohort_id, series_uid)
);

create table experiment.cohort_attrition (
  cohort_id bigint not null references experiment.cohort,
  rule_no integer not null,
  rule_text text not null,
  series_count integer not null,
  patient_count integer not null,
  primary key (cohort_id, rule_no)
);

create trigger append_only before update or delete or truncate on experiment.cohort
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on experiment.cohort_member
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on experiment.cohort_attrition
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on experiment.revision
  for each statement execute function access.refuse_change();

create function experiment.take_revision() returns trigger language plpgsql security definer
  set search_path = experiment, pg_temp as $$
begin
  perform pg_advisory_xact_lock(hashtext('experiment.revision'));   -- numbers become visible in order
  insert into experiment.revision (change, name) values (tg_table_name, new.name) returning id into new.revision;
  return new;
end $$;
create trigger take_revision before insert on experiment.cohort
  for each row execute function experiment.take_revision();

-- Frozen means frozen: members and attrition come in the transaction that makes the cohort, or never.
create function experiment.guard_frozen() returns trigger language plpgsql as $$
begin
  if not exists (select from experiment.cohort c
                 where c.id = new.cohort_id and c.xmin = pg_current_xact_id()::xid) then
    raise exception 'cohort % is frozen', new.cohort_id
      using hint = 'Freeze again: a changed result becomes the next version.', errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_frozen before insert on experiment.cohort_member
  for each row execute function experiment.guard_frozen();
create trigger guard_frozen before insert on experiment.cohort_attrition
  for each row execute function experiment.guard_frozen();

-- A cohort is never more visible than its members.
create function experiment.guard_member() returns trigger language plpgsql as $$
declare cohort experiment.cohort; member catalog.series;
begin
  select * into cohort from experiment.cohort c where c.id = new.cohort_id;
  select * into member from catalog.series s where s.series_uid = new.series_uid;
  if member.state <> 'released' then
    raise exception 'series % is not released', new.series_uid using errcode = 'restrict_violation';
  end if;
  if cohort.visibility > member.visibility
     or (cohort.visibility = 'team' and member.visibility = 'team' and cohort.team is distinct from member.team) then
    raise exception 'cohort % cannot be % when its member % is %',
      cohort.name, cohort.visibility, new.series_uid, member.visibility
      using hint = 'Choose a narrower visibility.', errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_member before insert on experiment.cohort_member
  for each row execute function experiment.guard_member();

alter table experiment.revision enable row level security;
alter table experiment.cohort enable row level security;
alter table experiment.cohort_member enable row level security;
alter table experiment.cohort_attrition enable row level security;
create policy pipeline on experiment.revision to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.cohort to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.cohort_member to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.cohort_attrition to radflow_pipeline using (true) with check (true);
create policy visible on experiment.cohort for select to radflow_portal
  using (access.may_see(owner, team, visibility));
create policy visible on experiment.cohort_member for select to radflow_portal using (
  exists (select from experiment.cohort c where c.id = cohort_member.cohort_id));
create policy visible on experiment.cohort_attrition for select to radflow_portal using (
  exists (select from experiment.cohort c where c.id = cohort_attrition.cohort_id));
grant select, insert on experiment.revision, experiment.cohort, experiment.cohort_member,
  experiment.cohort_attrition to radflow_pipeline;
grant select on experiment.cohort, experiment.cohort_member, experiment.cohort_attrition to radflow_portal;
