-- Accounts, teams and the one rule of visibility that every other schema calls. Also the append-only audit.
create schema access;
create schema audit;
grant usage on schema access to radflow_pipeline, radflow_portal, radflow_broker;
grant usage on schema audit to radflow_pipeline, radflow_portal, radflow_broker;

create type access.visibility as enum ('private', 'team', 'public');
create type access.role as enum
  ('researcher', 'curator', 'adjudicator', 'data_engineer', 'broker', 'admin');

create table access.account (
  name text primary key check (name <> ''),
  display_name text not null,
  created_at timestamptz not null default now()
);
comment on table access.account is 'People as Airflow''s auth manager names them; teams and roles are ours.';

create table access.account_role (
  account text not null references access.account,
  role access.role not null,
  primary key (account, role)
);

create table access.team (
  name text primary key check (name <> ''),
  created_at timestamptz not null default now()
);

create table access.membership (
  team text not null references access.team,
  account text not null references access.account,
  primary key (team, account)
);

-- The portal and the pipeline set this per transaction: set_config('radflow.account', name, true).
create function access.current_account() returns text language sql stable
  return nullif(current_setting('radflow.account', true), '');

create function access.has_role(wanted access.role) returns boolean language sql stable security definer
  set search_path = access, pg_temp
  return exists (select from access.account_role r
                 where r.account = access.current_account() and r.role = wanted);

create function access.in_team(wanted text) returns boolean language sql stable security definer
  set search_path = access, pg_temp
  return exists (select from access.membership m
                 where m.account = access.current_account() and m.team = wanted);

create function access.may_see(owner text, team text, visibility access.visibility)
  returns boolean language sql stable
  return access.current_account() is not null and (
    owner = access.current_account()
    or visibility = 'public'
    or (visibility = 'team' and access.in_team(team)));
comment on function access.may_see is 'The one rule: yours, your team''s, or public. Nobody without a name sees anything.';

create function access.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '%.% is append-only', tg_table_schema, tg_table_name
    using hint = 'Add a new row; what was recorded stays recorded.', errcode = 'restrict_violation';
end $$;

alter table access.account enable row level security;
alter table access.account_role enable row level security;
alter table access.team enable row level security;
alter table access.membership enable row level security;
create policy pipeline on access.account to radflow_pipeline using (true) with check (true);
create policy pipeline on access.account_role to radflow_pipeline using (true) with check (true);
create policy pipeline on access.team to radflow_pipeline using (true) with check (true);
create policy pipeline on access.membership to radflow_pipeline using (true) with check (true);
create policy self on access.account for select to radflow_portal using (name = access.current_account());
create policy self on access.account_role for select to radflow_portal using (account = access.current_account());
create policy mine on access.team for select to radflow_portal using (access.in_team(name));
create policy mine on access.membership for select to radflow_portal using (access.in_team(team));
grant select, insert, update on access.account to radflow_pipeline;
grant select, insert, delete on access.account_role, access.membership to radflow_pipeline;
grant select, insert on access.team to radflow_pipeline;
grant select on access.account, access.account_role, access.team, access.membership to radflow_portal;

create table audit.event (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  account text not null,
  action text not null,
  object_kind text not null,
  object_id text not null,
  reason text,
  detail jsonb not null default '{}',
  previous_hash text not null,
  hash text not null
);
comment on table audit.event is 'Append-only; each row''s hash covers the row before it.';

create function audit.digest(e audit.event) returns text language sql immutable
  return encode(sha256(convert_to(jsonb_build_array(
    e.id, e.previous_hash, to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), e.account, e.action,
    e.object_kind, e.object_id, e.reason, e.detail)::text, 'UTF8')), 'hex');

create function audit.chain() returns trigger language plpgsql security definer
  set search_path = audit, pg_temp as $$
begin
  perform pg_advisory_xact_lock(hashtext('audit.event'));   -- one writer at a time: the chain has no forks
  new.at := clock_timestamp();
  new.previous_hash := coalesce((select hash from audit.event order by id desc limit 1), '');
  new.hash := audit.digest(new);
  return new;
end $$;
create trigger chain before insert on audit.event for each row execute function audit.chain();
create trigger append_only before update or delete or truncate on audit.event
  for each statement execute function access.refuse_change();

create function audit.first_broken() returns bigint language sql stable
  return (select min(id) from (
    select id, hash, previous_hash, audit.digest(e) as wanted,
           lag(hash, 1, '') over (order by id) as before
    from audit.event e) as row where hash <> wanted or previous_hash <> before);
comment on function audit.first_broken is 'Id of the first event whose hash or link is wrong; null if the chain is whole.';

alter table audit.event enable row level security;
create policy pipeline on audit.event for insert to radflow_pipeline with check (true);
create policy pipeline_read on audit.event for select to radflow_pipeline using (true);
create policy self_write on audit.event for insert to radflow_portal with check (account = access.current_account());
create policy admin_read on audit.event for select to radflow_portal using (access.has_role('admin'));
create policy broker on audit.event for insert to radflow_broker with check (true);
grant insert on audit.event to radflow_pipeline, radflow_portal, radflow_broker;
grant select on audit.event to radflow_pipeline, radflow_portal;
