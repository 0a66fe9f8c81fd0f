-- Specifications, runs, what each step did to each case, results, metrics and the leaderboard.
create table experiment.spec (
  id bigint generated always as identity primary key,
  name text not null check (name ~ '^[a-z0-9][a-z0-9_]{0,62}$'),
  title text not null,
  spec jsonb not null,
  spec_sha256 text not null,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null default 'private',
  registered_at timestamptz not null default now(),
  revision bigint not null default 0,
  unique (name, spec_sha256),
  check (visibility <> 'team' or team is not null)
);
comment on column experiment.spec.revision is 'The experiment.revision this text became visible with.';
create trigger append_only before update or delete or truncate on experiment.spec
  for each statement execute function access.refuse_change();

create function experiment.guard_name() returns trigger language plpgsql security definer
  set search_path = experiment, pg_temp as $$
begin
  if exists (select from experiment.spec s where s.name = new.name and s.owner <> new.owner) then
    raise exception 'experiment % belongs to somebody else', new.name
      using hint = 'Choose another name.', errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger guard_name before insert on experiment.spec
  for each row execute function experiment.guard_name();
create trigger take_revision before insert on experiment.spec
  for each row execute function experiment.take_revision();

create table experiment.run (
  id bigint generated always as identity primary key,
  spec_id bigint not null references experiment.spec,
  cohort_id bigint not null references experiment.cohort,
  dag_id text not null,
  dag_run_id text not null,
  state text not null default 'running' check (state in ('running', 'success', 'partial', 'failed')),
  reason text,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null default 'private',
  runtime text not null,
  runtime_reason text not null,
  code_version text not null,
  parameters jsonb not null default '{}',
  case_count integer not null,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  unique (dag_id, dag_run_id),
  check ((state = 'running') = (ended_at is null)),
  check (visibility <> 'team' or team is not null)
);

create table experiment.run_algorithm (
  run_id bigint not null references experiment.run,
  arm text not null,
  step text not null,
  algorithm text not null,
  digest text not null,
  primary key (run_id, arm, step),
  foreign key (algorithm, digest) references registry.algorithm_version
);
comment on column experiment.run_algorithm.arm is 'Empty for steps that all arms share.';

create table experiment.step_run (
  run_id bigint not null references experiment.run,
  arm text not null,
  step text not null,
  series_uid text not null references catalog.series,
  status text not null check (status in ('ok', 'failed', 'skipped')),
  reason_code text,
  reason text,
  fingerprint text,
  reused boolean not null default false,
  runtime text,
  digest text,
  exit_code integer,
  duration_s double precision,
  peak_memory_mb double precision,
  inputs jsonb not null default '{}',
  outputs jsonb not null default '{}',
  uri text,
  recorded_at timestamptz not null default now(),
  primary key (run_id, arm, step, series_uid),
  check ((status = 'ok') = (reason_code is null))
);
create index step_run_fingerprint on experiment.step_run (fingerprint) where status = 'ok';

create table experiment.case_result (
  run_id bigint not null references experiment.run,
  arm text not null,
  series_uid text not null references catalog.series,
  name text not null,
  value double precision,
  truth double precision,
  primary key (run_id, arm, series_uid, name)
);

create table experiment.metric (
  run_id bigint not null references experiment.run,
  arm text not null,
  name text not null,
  kind text not null,
  label text not null default '',
  is_primary boolean not null,
  estimate double precision,
  lower double precision,
  upper double precision,
  level double precision not null default 0.95,
  interval_method text not null,
  n_total integer not null,
  n_ok integer not null,
  n_patients integer not null default 0,
  unit text not null,
  better text not null check (better in ('lower', 'higher', 'zero')),
  note text not null default '',
  details jsonb not null default '{}',
  primary key (run_id, arm, name)
);

create table experiment.comparison (
  run_id bigint not null references experiment.run,
  arm_a text not null,
  arm_b text not null,
  metric text not null,
  difference double precision,
  lower double precision,
  upper double precision,
  level double precision not null default 0.95,
  p_value double precision,
  p_adjusted double precision,
  method text not null,
  note text not null default '',
  n integer not null,
  primary key (run_id, arm_a, arm_b, metric)
);

create table experiment.picture (
  run_id bigint not null references experiment.run,
  name text not null,
  title text not null,
  media_type text not null,
  uri text not null,
  sha256 text not null,
  series_uid text references catalog.series,
  primary key (run_id, name)
);

-- A result is never more visible than what it was made from.
create function experiment.guard_visibility() returns trigger language plpgsql as $$
declare cohort experiment.cohort; spec experiment.spec;
begin
  select * into cohort from experiment.cohort c where c.id = new.cohort_id;
  select * into spec from experiment.spec s where s.id = new.spec_id;
  if new.visibility > least(cohort.visibility, spec.visibility) then
    raise exception 'a run cannot be % when its cohort is % and its specification %',
      new.visibility, cohort.visibility, spec.visibility using errcode = 'restrict_violation';
  end if;
  if new.visibility = 'team' and (
      (cohort.visibility = 'team' and new.team is distinct from cohort.team)
      or (spec.visibility = 'team' and new.team is distinct from spec.team)) then
    raise exception 'a run for team % has inputs of another team', new.team using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_visibility before insert or update on experiment.run
  for each row execute function experiment.guard_visibility();

create view experiment.leaderboard with (security_invoker = true) as
with latest as (
  select distinct on (c.name, c.version, s.name, m.arm)
         c.name as cohort, c.version as cohort_version, c.cohort_sha256,
         s.name as experiment, m.arm, m.name as metric, m.unit, m.better,
         m.estimate, m.lower, m.upper, m.level, m.interval_method, m.n_ok, m.n_total,
         r.id as run_id, r.dag_id, r.dag_run_id, r.owner, r.ended_at,
         md5((s.spec -> 'metrics')::text || (s.spec -> 'truth')::text) as metric_set
  from experiment.run r
  join experiment.spec s on s.id = r.spec_id
  join experiment.cohort c on c.id = r.cohort_id
  join experiment.metric m on m.run_id = r.id and m.is_primary
  where r.state in ('success', 'partial')
  order by c.name, c.version, s.name, m.arm, r.id desc
), ranked as (
  select latest.*,
         rank() over (partition by cohort_sha256, metric_set, metric
           order by n_ok::double precision / nullif(n_total, 0) desc nulls last,
                    case better when 'higher' then -estimate when 'zero' then abs(estimate) else estimate end
                    nulls last) as place
  from latest
)
select ranked.*,
       first_value(upper) over board >= lower and first_value(lower) over board <= upper as ties_with_first
from ranked
window board as (partition by cohort_sha256, metric_set, metric order by place);
comment on view experiment.leaderboard is
  'Latest run of each arm, ranked within one frozen cohort and one metric set only; an arm with missing predictions ranks below a whole one.';

alter table experiment.spec enable row level security;
alter table experiment.run enable row level security;
alter table experiment.run_algorithm enable row level security;
alter table experiment.step_run enable row level security;
alter table experiment.case_result enable row level security;
alter table experiment.metric enable row level security;
alter table experiment.comparison enable row level security;
alter table experiment.picture enable row level security;
create policy pipeline on experiment.spec to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.run to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.run_algorithm to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.step_run to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.case_result to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.metric to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.comparison to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.picture to radflow_pipeline using (true) with check (true);
create policy visible on experiment.spec for select to radflow_portal
  using (access.may_see(owner, team, visibility));
create policy register on experiment.spec for insert to radflow_portal
  with check (owner = access.current_account()
              and (visibility <> 'team' or access.in_team(team)));
create policy visible on experiment.run for select to radflow_portal
  using (access.may_see(owner, team, visibility));
create policy visible on experiment.run_algorithm for select to radflow_portal using (
  exists (select from experiment.run r where r.id = run_algorithm.run_id));
create policy visible on experiment.step_run for select to radflow_portal using (
  exists (select from experiment.run r where r.id = step_run.run_id));
create policy visible on experiment.case_result for select to radflow_portal using (
  exists (select from experiment.run r where r.id = case_result.run_id));
create policy visible on experiment.metric for select to radflow_portal using (
  exists (select from experiment.run r where r.id = metric.run_id));
create policy visible on experiment.comparison for select to radflow_portal using (
  exists (select from experiment.run r where r.id = comparison.run_id));
create policy visible on experiment.picture for select to radflow_portal using (
  exists (select from experiment.run r where r.id = picture.run_id));
grant select, insert on experiment.spec to radflow_pipeline;
grant select, insert, update on experiment.run, experiment.run_algorithm, experiment.step_run to radflow_pipeline;
grant select, insert, update, delete on experiment.case_result, experiment.metric, experiment.comparison,
  experiment.picture to radflow_pipeline;
grant select on experiment.run, experiment.run_algorithm, experiment.step_run, experiment.case_result,
  experiment.metric, experiment.comparison, experiment.picture, experiment.leaderboard to radflow_portal;
grant select on experiment.leaderboard to radflow_pipeline;
grant select, insert on experiment.spec to radflow_portal;
