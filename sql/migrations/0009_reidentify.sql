-- Re-identification: a request with its purpose, a second person, a time limit, and an answer whose every disclosure is
-- recorded before it is given. Also the ids of the project keys. Nothing in the schema broker is an identity.
create schema broker;
grant usage on schema broker to radflow_pipeline, radflow_broker;

-- An alias or a new UID as de-identification makes them; so nobody writes an original identifier into a request.
create function broker.are_subjects(subjects text[]) returns boolean language sql immutable
  return (select coalesce(bool_and(coalesce(s ~ '^(RF-[0-9A-HJKMNP-TV-Z]{10}|2[.]25[.][1-9][0-9]{0,38})$', false)), true)
          from unnest(subjects) as s);

create table broker.request (
  id bigint generated always as identity primary key,
  kind text not null check (kind in ('identity', 'linkage', 'rotation')),
  subjects text[] not null default '{}',
  cohort text,
  project text,
  key_id text check (key_id ~ '^[0-9a-f]{16}$'),
  reason text not null,
  requester text not null references access.account,
  valid_days integer not null default 7 check (valid_days between 1 and 30),
  dag_run text unique,
  requested_at timestamptz not null default now(),
  expires_at timestamptz not null default now(),
  unique (id, requester),
  constraint a_reason_is_given check (char_length(regexp_replace(reason, '\s', '', 'g')) >= 10 and char_length(reason) <= 2000),
  constraint aliases_and_new_uids_only check (broker.are_subjects(subjects)),
  constraint not_everybody_at_once check (cardinality(subjects) <= 5000),
  constraint identity_of_somebody check ((kind = 'identity') = (cardinality(subjects) > 0)),
  constraint keys_of_a_project check ((kind = 'identity') = (project is null)),
  constraint rotation_to_a_key check ((kind = 'rotation') = (key_id is not null))
);
comment on table broker.request is
  'identity: who these aliases are. linkage: which aliases of a project are one patient under different keys. rotation: a new key.';
comment on column broker.request.cohort is 'The frozen cohort (name@version) whose aliases were asked for, if they came from one.';
comment on column broker.request.dag_run is 'The Airflow run that opened it: a repeated task finds the same request.';
comment on column broker.request.expires_at is 'No approval and no disclosure after this.';

create table broker.decision (
  request_id bigint primary key,
  requester text not null,
  account text not null references access.account,
  decision text not null check (decision in ('approve', 'refuse')),
  reason text,
  decided_at timestamptz not null default now(),
  constraint of_that_request foreign key (request_id, requester) references broker.request (id, requester),
  constraint two_people check (account <> requester),
  constraint a_refusal_says_why check (decision = 'approve' or char_length(regexp_replace(coalesce(reason, ''), '\s', '', 'g')) > 0)
);
comment on constraint two_people on broker.decision is 'Nobody decides about the own request.';

create table broker.disclosure (
  id bigint generated always as identity primary key,
  request_id bigint not null references broker.request,
  account text not null references access.account,
  opened_at timestamptz not null default now(),
  transaction_id xid8 not null default pg_current_xact_id()
);
create index disclosure_request on broker.disclosure (request_id);
comment on table broker.disclosure is
  'One row each time an answer is given; committed before the first row of it, so that nothing is read unrecorded.';

create table phi.project_key (
  project text not null check (project <> ''),
  epoch integer not null check (epoch > 0),
  key_id text not null check (key_id ~ '^[0-9a-f]{16}$'),
  request_id bigint references broker.request,
  recorded_at timestamptz not null default clock_timestamp(),
  primary key (project, epoch),
  constraint later_keys_are_asked_for check ((epoch = 1) = (request_id is null))
);
comment on table phi.project_key is 'Which key a project is de-identified under, by its id (never the key itself); the highest epoch counts.';
comment on column phi.project_key.key_id is 'First 16 hexadecimal digits of an HMAC under the key (deid.keys).';
alter table phi.patient add column key_id text;
alter table phi.uid add column key_id text;
comment on column phi.patient.key_id is 'The key that the alias was made under; null where no key was recorded at that time.';

create trigger append_only before update or delete or truncate on broker.request
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on broker.decision
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on broker.disclosure
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on phi.project_key
  for each statement execute function access.refuse_change();

create function broker.require_broker(account text) returns void language plpgsql stable as $$
begin
  if not exists (select from access.account_role r where r.account = require_broker.account and r.role = 'broker') then
    raise exception '% has not the role broker', coalesce(account, 'nobody')
      using hint = 'Only honest brokers ask, decide and read; give the account the role (python -m operators.accounts).',
            errcode = 'insufficient_privilege';
  end if;
end $$;

create function broker.require_acting(account text) returns void language plpgsql stable as $$
begin
  if account is distinct from access.current_account() then
    raise exception 'nobody acts in the name of another' using errcode = 'insufficient_privilege';
  end if;
end $$;

create function broker.guard_request() returns trigger language plpgsql security definer
  set search_path = broker, phi, pg_temp as $$
declare current_key text;
begin
  perform broker.require_broker(new.requester);
  new.requested_at := clock_timestamp();
  new.expires_at := new.requested_at + make_interval(days => new.valid_days);
  if new.kind in ('linkage', 'rotation') and new.project is not null then
    select k.key_id into current_key from phi.project_key k
    where k.project = new.project order by k.epoch desc limit 1;
    if current_key is null then
      raise exception 'project % has no recorded key', new.project
        using hint = 'Its first de-identification records one.', errcode = 'restrict_violation';
    elsif current_key = new.key_id then
      raise exception 'project % is under this key already', new.project
        using hint = 'Put the new key into the connection first.', errcode = 'restrict_violation';
    end if;
  end if;
  return new;
end $$;
create trigger guard_request before insert on broker.request for each row execute function broker.guard_request();

create function broker.guard_decision() returns trigger language plpgsql security definer
  set search_path = broker, pg_temp as $$
declare asked broker.request;
begin
  perform broker.require_acting(new.account);
  perform broker.require_broker(new.account);
  select * into asked from broker.request r where r.id = new.request_id;
  if asked.id is null then
    raise exception 'there is no request %', new.request_id using errcode = 'restrict_violation';
  end if;
  new.requester := asked.requester;
  new.decided_at := clock_timestamp();
  if new.decision = 'approve' then
    perform broker.require_broker(asked.requester);
    if new.decided_at >= asked.expires_at then
      raise exception 'request % has expired', new.request_id
        using hint = 'Ask again.', errcode = 'restrict_violation';
    end if;
  end if;
  return new;
end $$;
create trigger guard_decision before insert on broker.decision for each row execute function broker.guard_decision();

create function broker.guard_disclosure() returns trigger language plpgsql security definer
  set search_path = broker, pg_temp as $$
declare asked broker.request; said text;
begin
  perform broker.require_acting(new.account);
  perform broker.require_broker(new.account);
  select * into asked from broker.request r where r.id = new.request_id;
  select d.decision into said from broker.decision d where d.request_id = new.request_id;
  new.opened_at := clock_timestamp();
  new.transaction_id := pg_current_xact_id();
  if asked.id is null or asked.kind = 'rotation' then
    raise exception 'there is nothing to disclose for request %', new.request_id using errcode = 'restrict_violation';
  elsif asked.requester <> new.account then
    raise exception 'the answer to request % is for its requester', new.request_id
      using hint = 'Make a request of your own, with your own reason.', errcode = 'insufficient_privilege';
  elsif said is distinct from 'approve' then
    raise exception 'request % is not approved', new.request_id
      using hint = 'A second broker approves it.', errcode = 'insufficient_privilege';
  elsif new.opened_at >= asked.expires_at then
    raise exception 'request % has expired', new.request_id
      using hint = 'Ask again.', errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_disclosure before insert on broker.disclosure
  for each row execute function broker.guard_disclosure();

-- A later key of a project comes with the approval of its rotation, or not at all.
create function phi.guard_key() returns trigger language plpgsql security definer
  set search_path = phi, pg_temp as $$
begin
  if new.epoch <> 1 + coalesce((select max(k.epoch) from phi.project_key k where k.project = new.project), 0) then
    raise exception 'the key of project % is not the next one', new.project using errcode = 'restrict_violation';
  end if;
  if new.epoch > 1 and not exists (
      select from broker.request r join broker.decision d on d.request_id = r.id and d.decision = 'approve'
      where r.id = new.request_id and r.kind = 'rotation' and r.project = new.project and r.key_id = new.key_id) then
    raise exception 'no approved rotation gives project % this key', new.project
      using hint = 'Trigger the DAG rotate_key; a second broker approves it.', errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_key before insert on phi.project_key for each row execute function phi.guard_key();

create function broker.take_effect() returns trigger language plpgsql security definer
  set search_path = broker, phi, pg_temp as $$
begin
  if new.decision = 'approve' then
    perform pg_advisory_xact_lock(hashtext('phi.project_key'));
    insert into phi.project_key (project, epoch, key_id, request_id)
    select r.project, 1 + (select max(k.epoch) from phi.project_key k where k.project = r.project), r.key_id, r.id
    from broker.request r where r.id = new.request_id and r.kind = 'rotation';
  end if;
  return null;
end $$;
create trigger take_effect after insert on broker.decision for each row execute function broker.take_effect();

-- The key that a project is under; the first one that is used is recorded, and rows from before are of that key. For the
-- rest of the transaction the caller may add to the crosswalk of that project, if the key is the right one.
create function phi.use_key(wanted_project text, wanted_key text) returns text language plpgsql security definer
  set search_path = phi, pg_temp as $$
declare known text;
begin
  if not exists (select from phi.project_key k where k.project = wanted_project) then
    perform pg_advisory_xact_lock(hashtext('phi.project_key'));
    insert into phi.project_key (project, epoch, key_id)
    select wanted_project, 1, wanted_key
    where not exists (select from phi.project_key k where k.project = wanted_project);
    if found then
      update phi.patient set key_id = wanted_key where project = wanted_project and key_id is null;
      update phi.uid set key_id = wanted_key where project = wanted_project and key_id is null;
      insert into audit.event (account, action, object_kind, object_id, detail, previous_hash, hash)
      values (coalesce(access.current_account(), session_user), 'key.record', 'project', wanted_project,
              jsonb_build_object('key_id', wanted_key), '', '');
    end if;
  end if;
  perform pg_advisory_xact_lock_shared(hashtext('phi.project_key'));   -- no rotation until this transaction ends
  select k.key_id into known from phi.project_key k where k.project = wanted_project order by k.epoch desc limit 1;
  perform set_config('radflow.project_key', case when known = wanted_key then wanted_project || '/' || known end, true);
  return known;
end $$;

-- Every crosswalk row says which key it was made under, and none is taken that was made under another than the project's.
create function phi.stamp_key() returns trigger language plpgsql security definer
  set search_path = phi, pg_temp as $$
begin
  new.key_id := (select k.key_id from phi.project_key k where k.project = new.project order by k.epoch desc limit 1);
  if new.key_id is not null
     and current_setting('radflow.project_key', true) is distinct from new.project || '/' || new.key_id then
    raise exception 'project % is under another key than this task', new.project
      using hint = 'Restore the key in the connection, or rotate to the new one (docs/how-to/project-keys.md).',
            errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger stamp_key before insert on phi.patient for each row execute function phi.stamp_key();
create trigger stamp_key before insert on phi.uid for each row execute function phi.stamp_key();

-- The audit of it all is made here, so that no way past it exists. Counts and numbers, never an identity.
create function broker.audit_request() returns trigger language plpgsql security definer
  set search_path = broker, pg_temp as $$
begin
  insert into audit.event (account, action, object_kind, object_id, reason, detail, previous_hash, hash)
  values (new.requester, 'reidentify.request', 'reidentify', new.id::text, new.reason,
          jsonb_build_object('kind', new.kind, 'count', cardinality(new.subjects), 'by', session_user::text), '', '');
  return null;
end $$;
create trigger audit_request after insert on broker.request for each row execute function broker.audit_request();

create function broker.audit_decision() returns trigger language plpgsql security definer
  set search_path = broker, pg_temp as $$
begin
  insert into audit.event (account, action, object_kind, object_id, reason, detail, previous_hash, hash)
  select new.account, 'reidentify.' || new.decision, 'reidentify', r.id::text, new.reason,
         jsonb_build_object('kind', r.kind, 'count', cardinality(r.subjects)), '', ''
  from broker.request r where r.id = new.request_id;
  return null;
end $$;
create trigger audit_decision after insert on broker.decision for each row execute function broker.audit_decision();

create function broker.audit_disclosure() returns trigger language plpgsql security definer
  set search_path = broker, pg_temp as $$
begin
  insert into audit.event (account, action, object_kind, object_id, reason, detail, previous_hash, hash)
  select new.account, 'reidentify.disclose', 'reidentify', r.id::text, r.reason,
         jsonb_build_object('kind', r.kind, 'count', cardinality(r.subjects), 'disclosure', new.id), '', ''
  from broker.request r where r.id = new.request_id;
  return null;
end $$;
create trigger audit_disclosure after insert on broker.disclosure
  for each row execute function broker.audit_disclosure();

create function broker.audit_role() returns trigger language plpgsql security definer
  set search_path = broker, pg_temp as $$
declare whose access.account_role;
begin
  if tg_op = 'DELETE' then whose := old; else whose := new; end if;
  if whose.role = 'broker' then
    insert into audit.event (account, action, object_kind, object_id, detail, previous_hash, hash)
    values (coalesce(access.current_account(), session_user),
            case tg_op when 'DELETE' then 'broker.revoke' else 'broker.grant' end, 'account', whose.account,
            jsonb_build_object('by', session_user::text), '', '');
  end if;
  return null;
end $$;
create trigger audit_role after insert or update or delete on access.account_role
  for each row execute function broker.audit_role();

create view broker.status with (security_invoker = true) as
select r.id, r.kind, r.subjects, cardinality(r.subjects) as subject_count, r.cohort, r.project, r.key_id, r.reason,
       r.requester, r.requested_at, r.expires_at, r.dag_run,
       case when d.decision = 'refuse' then 'refused'
            when d.decision = 'approve' and (r.kind = 'rotation' or clock_timestamp() < r.expires_at) then 'approved'
            when clock_timestamp() < r.expires_at then 'waiting'
            else 'expired' end as state,
       d.account as decided_by, d.decided_at, d.reason as decision_reason
from broker.request r
left join broker.decision d on d.request_id = r.id;
comment on view broker.status is 'The state is derived, never stored: waiting, approved, refused, expired.';

-- The request behind a disclosure that was committed a moment ago by an earlier transaction; refused otherwise.
create function broker.disclosed(wanted bigint, wanted_kind text) returns broker.request language plpgsql
  security definer set search_path = broker, pg_temp as $$
declare asked broker.request;
begin
  perform broker.require_broker(access.current_account());
  select r.* into asked from broker.disclosure d join broker.request r on r.id = d.request_id
  where d.id = wanted and r.kind = wanted_kind and d.account = access.current_account()
    and d.transaction_id is distinct from pg_current_xact_id_if_assigned()
    and clock_timestamp() < d.opened_at + interval '1 minute';
  if asked.id is null then
    raise exception 'no disclosure % is open for you', wanted
      using hint = 'Record a disclosure, commit it, then read within a minute.', errcode = 'insufficient_privilege';
  end if;
  return asked;
end $$;

create function broker.identities(wanted bigint)
  returns table (subject text, project text, level text, original_uid text, patient_alias text, patient_id text,
                 issuer_of_patient_id text, patient_name text, patient_birth_date text, days_offset integer)
  language plpgsql security definer set search_path = broker, phi, pg_temp as $$
#variable_conflict use_column
declare asked broker.request := broker.disclosed(wanted, 'identity');
begin
  return query
  with named as (select distinct s.one from unnest(asked.subjects) as s (one)),
       places as (select distinct p.project from phi.patient p)
  select n.one, p.project, 'patient', null::text, p.patient_alias, p.patient_id, p.issuer_of_patient_id,
         p.patient_name, p.patient_birth_date, p.days_offset
  from named n cross join places w
  join phi.patient p on p.project = w.project and p.patient_alias = n.one
  union all
  select n.one, u.project, u.level, u.original_uid, u.patient_alias, p.patient_id, p.issuer_of_patient_id,
         p.patient_name, p.patient_birth_date, p.days_offset
  from named n cross join places w
  join phi.uid u on u.project = w.project and u.new_uid = n.one
  left join phi.patient p on p.project = u.project and p.patient_alias = u.patient_alias
  order by 1, 2, 6;
end $$;
comment on function broker.identities is 'The answer to an approved request, for its requester, after the disclosure was recorded.';

-- One spelling per identifier, as deid.pseudonyms.normal has it.
create function broker.spelling(identifier text) returns text language sql immutable
  return upper(btrim(regexp_replace(normalize(identifier, nfkc), '\s+', ' ', 'g')));

create function broker.linkage(wanted bigint)
  returns table (old_alias text, old_key_id text, new_alias text, new_key_id text, days_to_add integer)
  language plpgsql security definer set search_path = broker, phi, pg_temp as $$
#variable_conflict use_column
declare asked broker.request := broker.disclosed(wanted, 'linkage');
begin
  return query
  with epochs as (select k.key_id, min(k.epoch) as epoch from phi.project_key k
                  where k.project = asked.project group by k.key_id),
       known as (select p.patient_alias, p.key_id, coalesce(e.epoch, 0) as epoch, p.days_offset,
                        broker.spelling(p.patient_id) as person, broker.spelling(p.issuer_of_patient_id) as issuer
                 from phi.patient p left join epochs e on e.key_id = p.key_id where p.project = asked.project)
  select distinct o.patient_alias, o.key_id, n.patient_alias, n.key_id, o.days_offset - n.days_offset
  from known o join known n on n.person = o.person and n.issuer = o.issuer and n.epoch > o.epoch
  where n.patient_alias <> o.patient_alias
  order by 1, 3;
end $$;
comment on function broker.linkage is
  'Old and new alias of each patient seen under more than one key, and the days to add to dates of the new one to compare. Needs no key.';

revoke execute on function phi.use_key, phi.guard_key, phi.stamp_key, broker.disclosed, broker.identities,
  broker.linkage, broker.take_effect from public;
grant execute on function phi.use_key to radflow_pipeline;
grant execute on function broker.identities, broker.linkage to radflow_broker;

alter table broker.request enable row level security;
alter table broker.decision enable row level security;
alter table broker.disclosure enable row level security;
alter table phi.project_key enable row level security;
-- Tasks open requests and wait; only the web server, which knows who is signed in, decides and discloses.
create policy pipeline on broker.request for insert to radflow_pipeline with check (true);
create policy pipeline_read on broker.request for select to radflow_pipeline using (true);
create policy pipeline_read on broker.decision for select to radflow_pipeline using (true);
create policy broker_read on broker.request for select to radflow_broker using (access.has_role('broker'));
create policy broker_read on broker.decision for select to radflow_broker using (access.has_role('broker'));
create policy broker_read on broker.disclosure for select to radflow_broker using (access.has_role('broker'));
create policy broker_ask on broker.request for insert to radflow_broker
  with check (requester = access.current_account() and access.has_role('broker'));
create policy broker_decide on broker.decision for insert to radflow_broker
  with check (account = access.current_account() and access.has_role('broker'));
create policy broker_disclose on broker.disclosure for insert to radflow_broker
  with check (account = access.current_account() and access.has_role('broker'));
create policy broker_read on phi.project_key for select to radflow_broker using (access.has_role('broker'));
grant select on broker.request, broker.decision, broker.status to radflow_pipeline, radflow_broker;
grant select on broker.disclosure, phi.project_key to radflow_broker;
grant insert (kind, subjects, cohort, project, key_id, reason, requester, valid_days, dag_run) on broker.request
  to radflow_pipeline, radflow_broker;
grant insert (request_id, account, decision, reason) on broker.decision to radflow_broker;
grant insert (request_id, account) on broker.disclosure to radflow_broker;

-- Identities are read through an approved request only, also by the broker.
revoke select on phi.patient, phi.uid from radflow_broker;
drop policy broker on phi.patient;
drop policy broker on phi.uid;
-- What the triggers above record, nobody records by hand; a refused attempt is told by the web server.
alter policy pipeline on audit.event with check (action !~ '^(reidentify|key|broker)[.]');
alter policy self_write on audit.event
  with check (account = access.current_account() and action !~ '^(reidentify|key|broker)[.]');
alter policy broker on audit.event
  with check (account = access.current_account() and (action = 'reidentify.denied' or action !~ '^(reidentify|key|broker)[.]'));
