-- Algorithms and the sockets they speak.
create schema registry;
grant usage on schema registry to radflow_pipeline, radflow_portal;

create table registry.socket (
  slug text primary key,
  title text not null,
  kind text not null,
  super_kind text not null check (super_kind in ('Image', 'File', 'Value')),
  relative_path text not null unique,
  schema jsonb not null default '{}'
);

create table registry.algorithm (
  name text primary key,
  title text not null,
  summary text not null,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null default 'private',
  registered_at timestamptz not null default now()
);

create table registry.algorithm_version (
  name text not null references registry.algorithm,
  digest text not null,
  version text not null,
  descriptor jsonb not null,
  registered_at timestamptz not null default now(),
  primary key (name, digest)
);
comment on column registry.algorithm_version.digest is 'Image id under docker, sha256 of the source tree under the process runtime.';
create trigger append_only before update or delete or truncate on registry.algorithm_version
  for each statement execute function access.refuse_change();

alter table registry.socket enable row level security;
alter table registry.algorithm enable row level security;
alter table registry.algorithm_version enable row level security;
create policy pipeline on registry.socket to radflow_pipeline using (true) with check (true);
create policy pipeline on registry.algorithm to radflow_pipeline using (true) with check (true);
create policy pipeline on registry.algorithm_version to radflow_pipeline using (true) with check (true);
create policy everybody on registry.socket for select to radflow_portal using (access.current_account() is not null);
create policy visible on registry.algorithm for select to radflow_portal
  using (access.may_see(owner, team, visibility));
create policy visible on registry.algorithm_version for select to radflow_portal using (
  exists (select from registry.algorithm a where a.name = algorithm_version.name));
grant select, insert, update on registry.socket, registry.algorithm to radflow_pipeline;
grant select, insert on registry.algorithm_version to radflow_pipeline;
grant select on all tables in schema registry to radflow_portal;
