-- Asking for access: what a team offers, the agreement that goes with it, a request, a steward's decision, and a
-- membership that ends. Roles and memberships change by functions that audit, never by a bare row.

alter table access.membership
  add column steward boolean not null default false,
  add column expires_at timestamptz,
  add column changed_at timestamptz not null default now();
comment on column access.membership.steward is 'Decides who else is let in.';
comment on column access.membership.expires_at is 'Null: without end. An ended membership stays as a row that gives nothing.';

create table access.agreement (
  id bigint generated always as identity primary key,
  name text not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  version integer not null check (version > 0),
  title text not null check (char_length(title) between 1 and 200),
  body text not null check (char_length(body) between 20 and 100000),
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  published_by text not null references access.account,
  published_at timestamptz not null default now(),
  unique (name, version)
);
comment on table access.agreement is 'Data-use agreements; a changed text is the next version.';

create table access.acceptance (
  account text not null references access.account,
  agreement_id bigint not null references access.agreement,
  sha256 text not null,
  accepted_at timestamptz not null default now(),
  primary key (account, agreement_id)
);
comment on table access.acceptance is 'Who accepted which text, by its hash.';

create table access.offer (
  team text primary key references access.team,
  title text not null check (char_length(title) between 1 and 200),
  summary text not null check (char_length(summary) between 1 and 4000),
  agreement_id bigint references access.agreement,
  most_days integer not null default 365 check (most_days between 1 and 3650),
  open boolean not null default true,
  changed_by text not null references access.account,
  changed_at timestamptz not null default now()
);
comment on table access.offer is 'What a team has, in words that everybody who is signed in may read, and what its members agree to.';
comment on column access.offer.agreement_id is 'Members who have not accepted it see nothing of the team, whoever let them in.';

create table access.request (
  id bigint generated always as identity primary key,
  account text not null references access.account,
  team text not null references access.team,
  purpose text not null,
  days integer not null check (days between 1 and 3650),
  requested_at timestamptz not null default now(),
  unique (id, account),
  constraint a_purpose_is_given check (
    char_length(regexp_replace(purpose, '\s', '', 'g')) >= 10 and char_length(purpose) <= 2000)
);
create index request_account on access.request (account);

create table access.decision (
  request_id bigint primary key,
  requester text not null,
  account text not null references access.account,
  decision text not null check (decision in ('approve', 'refuse', 'withdraw')),
  reason text check (char_length(reason) <= 2000),
  days integer check (days between 1 and 3650),
  decided_at timestamptz not null default now(),
  constraint of_that_request foreign key (request_id, requester) references access.request (id, account),
  constraint two_people check ((decision = 'withdraw') = (account = requester)),
  constraint a_refusal_says_why check (
    decision <> 'refuse' or char_length(regexp_replace(coalesce(reason, ''), '\s', '', 'g')) > 0)
);
comment on constraint two_people on access.decision is 'Nobody lets oneself in; only the own request is withdrawn.';

create trigger append_only before update or delete or truncate on access.agreement
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on access.acceptance
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on access.request
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on access.decision
  for each statement execute function access.refuse_change();

create function access.has_agreed(who text, wanted text) returns boolean language sql stable security definer
  set search_path = access, pg_temp
  return not exists (
    select from access.offer o where o.team = wanted and o.agreement_id is not null
    and not exists (select from access.acceptance a where a.account = who and a.agreement_id = o.agreement_id));

create or replace function access.in_team(wanted text) returns boolean language sql stable security definer
  set search_path = access, pg_temp
  return exists (select from access.membership m
                 where m.account = access.current_account() and m.team = wanted
                   and (m.expires_at is null or m.expires_at > now()))
    and access.has_agreed(access.current_account(), wanted);

-- A member of the team by name, agreed or not: may read who else is in it and what there is to agree to.
create function access.is_member(wanted text, as_steward boolean default false) returns boolean
  language sql stable security definer set search_path = access, pg_temp
  return exists (select from access.membership m
                 where m.account = access.current_account() and m.team = wanted
                   and (m.steward or not as_steward) and (m.expires_at is null or m.expires_at > now()));

create function access.may_decide(wanted text) returns boolean language sql stable
  return access.is_member(wanted, true) or access.has_role('admin');
comment on function access.may_decide is 'A steward of the team, or an admin.';

create function access.record(action text, kind text, object text, reason text, detail jsonb default '{}')
  returns void language plpgsql security definer set search_path = audit, access, pg_temp as $$
begin
  insert into audit.event (account, action, object_kind, object_id, reason, detail)
  values (access.current_account(), action, kind, object, reason, detail);
end $$;

-- Somebody whom Airflow has signed in and Radflow has never heard of may ask; the name alone gives nothing.
create function access.know_me() returns void language plpgsql security definer
  set search_path = access, pg_temp as $$
begin
  if access.current_account() is null then
    raise exception 'nobody is signed in' using errcode = 'insufficient_privilege';
  end if;
  insert into access.account (name, display_name)
  values (access.current_account(), access.current_account()) on conflict do nothing;
end $$;

create function access.guard_acceptance() returns trigger language plpgsql security definer
  set search_path = access, pg_temp as $$
begin
  if new.account is distinct from access.current_account() then
    raise exception 'nobody agrees in the name of another' using errcode = 'insufficient_privilege';
  end if;
  perform access.know_me();
  new.accepted_at := clock_timestamp();
  if new.sha256 is distinct from (select a.sha256 from access.agreement a where a.id = new.agreement_id) then
    raise exception 'the text of agreement % is another one', new.agreement_id
      using hint = 'Read it again, then accept it.', errcode = 'restrict_violation';
  end if;
  perform access.record('access.accept', 'agreement', new.agreement_id::text, null,
                        jsonb_build_object('sha256', new.sha256));
  return new;
end $$;
create trigger guard_acceptance before insert on access.acceptance
  for each row execute function access.guard_acceptance();

create function access.guard_request() returns trigger language plpgsql security definer
  set search_path = access, pg_temp as $$
declare offered access.offer;
begin
  if new.account is distinct from access.current_account() then
    raise exception 'nobody asks in the name of another' using errcode = 'insufficient_privilege';
  end if;
  perform access.know_me();
  perform pg_advisory_xact_lock(hashtext('access.request ' || new.account));
  new.requested_at := clock_timestamp();
  select * into offered from access.offer o where o.team = new.team;
  if offered.team is null or not offered.open then
    raise exception 'team % takes no requests', new.team
      using hint = 'Choose one of the offers of this page.', errcode = 'restrict_violation';
  elsif new.days > offered.most_days then
    raise exception 'team % lets people in for % days at most', new.team, offered.most_days
      using hint = 'Ask for fewer days; ask again before they end.', errcode = 'restrict_violation';
  elsif not access.has_agreed(new.account, new.team) then
    raise exception 'the agreement of team % is not accepted yet', new.team
      using hint = 'Read and accept it first.', errcode = 'restrict_violation';
  elsif exists (select from access.request r where r.account = new.account and r.team = new.team
                and not exists (select from access.decision d where d.request_id = r.id)) then
    raise exception 'a request of yours to team % waits already', new.team
      using hint = 'A steward answers it; withdraw it to ask anew.', errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_request before insert on access.request for each row execute function access.guard_request();

create function access.note_request() returns trigger language plpgsql security definer
  set search_path = access, pg_temp as $$
begin
  perform access.record('access.request', 'team', new.team, new.purpose,
                        jsonb_build_object('request', new.id, 'days', new.days));
  return null;
end $$;
create trigger note_request after insert on access.request for each row execute function access.note_request();

create function access.guard_decision() returns trigger language plpgsql security definer
  set search_path = access, pg_temp as $$
declare asked access.request; offered access.offer;
begin
  if new.account is distinct from access.current_account() then
    raise exception 'nobody decides in the name of another' using errcode = 'insufficient_privilege';
  end if;
  select * into asked from access.request r where r.id = new.request_id;
  if asked.id is null or not (asked.account = new.account or access.may_decide(asked.team)) then
    raise exception 'there is no request % for you to decide', new.request_id
      using errcode = 'insufficient_privilege';
  end if;
  new.requester := asked.account;
  new.decided_at := clock_timestamp();
  new.days := case when new.decision = 'approve' then coalesce(new.days, asked.days) end;
  if new.decision = 'approve' and new.account <> new.requester then
    select * into offered from access.offer o where o.team = asked.team;
    if new.days > offered.most_days then
      raise exception 'team % lets people in for % days at most', asked.team, offered.most_days
        using hint = 'Approve for fewer days.', errcode = 'restrict_violation';
    elsif not access.has_agreed(asked.account, asked.team) then
      raise exception '% has not accepted the agreement of team % as it is now', asked.account, asked.team
        using hint = 'Ask for the acceptance, then approve.', errcode = 'restrict_violation';
    end if;
    insert into access.membership as m (team, account, expires_at)
    values (asked.team, asked.account, new.decided_at + make_interval(days => new.days))
    on conflict (team, account) do update
      set expires_at = case when m.expires_at is null then null else greatest(m.expires_at, excluded.expires_at) end,
          changed_at = now();
  end if;
  perform access.record('access.' || new.decision, 'team', asked.team, new.reason, jsonb_build_object(
    'request', new.request_id, 'requester', asked.account, 'days', new.days));
  return new;
end $$;
create trigger guard_decision before insert on access.decision for each row execute function access.guard_decision();

create function access.require_admin() returns void language plpgsql stable as $$
begin
  if not access.has_role('admin') then
    raise exception 'only an admin does this' using errcode = 'insufficient_privilege';
  end if;
end $$;

create function access.require_other(who text) returns void language plpgsql stable as $$
begin
  if who = access.current_account() then
    raise exception 'nobody changes the own rights'
      using hint = 'Another admin or steward does it.', errcode = 'insufficient_privilege';
  end if;
end $$;

create function access.set_role(who text, wanted access.role, given boolean, why text) returns void
  language plpgsql security definer set search_path = access, pg_temp as $$
begin
  perform access.require_admin();
  perform access.require_other(who);
  if given then
    insert into access.account (name, display_name) values (who, who) on conflict do nothing;
    insert into access.account_role (account, role) values (who, wanted) on conflict do nothing;
  else
    delete from access.account_role r where r.account = who and r.role = wanted;
  end if;
  if found then
    perform access.record(case when given then 'access.give-role' else 'access.take-role' end, 'account', who, why,
                          jsonb_build_object('role', wanted));
  end if;
end $$;
comment on function access.set_role is 'Give a role to somebody else, or take it away. For admins.';

create function access.make_team(named text, why text) returns void
  language plpgsql security definer set search_path = access, pg_temp as $$
begin
  perform access.require_admin();
  insert into access.team (name) values (named);
  perform access.record('access.make-team', 'team', named, why);
end $$;

create function access.set_member(into_team text, who text, as_steward boolean, days integer, why text) returns void
  language plpgsql security definer set search_path = access, pg_temp as $$
declare ends timestamptz := case when days is not null then now() + make_interval(days => days) end;
begin
  perform access.require_other(who);
  if not access.may_decide(into_team) or (as_steward and not access.has_role('admin')) then
    raise exception 'only % does this', case when as_steward then 'an admin' else 'a steward of the team' end
      using errcode = 'insufficient_privilege';
  end if;
  if not exists (select from access.team t where t.name = into_team) then
    raise exception 'there is no team %', into_team using errcode = 'restrict_violation';
  elsif not exists (select from access.account a where a.name = who) then
    raise exception 'Radflow does not know %', who
      using hint = 'They sign in and ask for access, or an admin gives them a role.', errcode = 'restrict_violation';
  end if;
  insert into access.membership (team, account, steward, expires_at) values (into_team, who, as_steward, ends)
  on conflict (team, account) do update
    set steward = excluded.steward, expires_at = excluded.expires_at, changed_at = now();
  perform access.record('access.set-member', 'team', into_team, why,
                        jsonb_build_object('account', who, 'steward', as_steward, 'days', days));
end $$;

create function access.end_member(of_team text, who text, why text) returns void
  language plpgsql security definer set search_path = access, pg_temp as $$
begin
  if who <> access.current_account() and not access.may_decide(of_team) then
    raise exception 'only a steward of the team does this' using errcode = 'insufficient_privilege';
  end if;
  update access.membership m set expires_at = now(), steward = false, changed_at = now()
  where m.team = of_team and m.account = who and (m.expires_at is null or m.expires_at > now());
  if not found then
    raise exception '% is no member of team %', who, of_team using errcode = 'restrict_violation';
  end if;
  perform access.record('access.end-member', 'team', of_team, why, jsonb_build_object('account', who));
end $$;

create function access.publish_agreement(named text, titled text, text_of text) returns bigint
  language plpgsql security definer set search_path = access, pg_temp as $$
declare made bigint;
begin
  if not (access.has_role('admin') or exists (
      select from access.membership m where m.account = access.current_account() and m.steward
      and (m.expires_at is null or m.expires_at > now()))) then
    raise exception 'only a steward or an admin publishes agreements' using errcode = 'insufficient_privilege';
  end if;
  perform pg_advisory_xact_lock(hashtext('access.agreement ' || named));
  insert into access.agreement (name, version, title, body, sha256, published_by)
  values (named, 1 + coalesce((select max(a.version) from access.agreement a where a.name = named), 0),
          titled, text_of, encode(sha256(convert_to(text_of, 'UTF8')), 'hex'), access.current_account()) returning id into made;
  perform access.record('access.publish-agreement', 'agreement', made::text, null, jsonb_build_object('name', named));
  return made;
end $$;

create function access.set_offer(
  of_team text, titled text, summed text, agreed bigint, at_most integer, is_open boolean) returns void
  language plpgsql security definer set search_path = access, pg_temp as $$
begin
  if not access.may_decide(of_team) then
    raise exception 'only a steward of the team does this' using errcode = 'insufficient_privilege';
  end if;
  insert into access.offer (team, title, summary, agreement_id, most_days, open, changed_by)
  values (of_team, titled, summed, agreed, at_most, is_open, access.current_account())
  on conflict (team) do update set title = excluded.title, summary = excluded.summary,
    agreement_id = excluded.agreement_id, most_days = excluded.most_days, open = excluded.open,
    changed_by = excluded.changed_by, changed_at = now();
  perform access.record('access.set-offer', 'team', of_team, null,
                        jsonb_build_object('agreement', agreed, 'open', is_open, 'most_days', at_most));
end $$;

-- A chain says that nothing before its last link was changed; whoever kept an older link can tell whether the end is there.
create function audit.holds(noted_id bigint, noted_hash text) returns boolean language sql stable
  return exists (select from audit.event e where e.id = noted_id and e.hash = noted_hash);
comment on function audit.holds is 'Whether an id and hash noted earlier are still in the chain.';

alter table access.agreement enable row level security;
alter table access.acceptance enable row level security;
alter table access.offer enable row level security;
alter table access.request enable row level security;
alter table access.decision enable row level security;
create policy pipeline on access.agreement for select to radflow_pipeline using (true);
create policy pipeline on access.acceptance for select to radflow_pipeline using (true);
create policy pipeline on access.offer for select to radflow_pipeline using (true);
create policy pipeline on access.request for select to radflow_pipeline using (true);
create policy pipeline on access.decision for select to radflow_pipeline using (true);
create policy signed_in on access.agreement for select to radflow_portal
  using (access.current_account() is not null);
create policy offered on access.offer for select to radflow_portal
  using (access.current_account() is not null and (open or access.is_member(team) or access.has_role('admin')));
create policy mine on access.acceptance for select to radflow_portal
  using (account = access.current_account() or access.has_role('admin'));
create policy self_write on access.acceptance for insert to radflow_portal
  with check (account = access.current_account());
create policy mine_or_to_decide on access.request for select to radflow_portal
  using (account = access.current_account() or access.may_decide(team));
create policy self_write on access.request for insert to radflow_portal
  with check (account = access.current_account());
create policy of_the_request on access.decision for select to radflow_portal
  using (exists (select from access.request r where r.id = decision.request_id));
create policy self_write on access.decision for insert to radflow_portal
  with check (account = access.current_account());
drop policy mine on access.team;
create policy mine on access.team for select to radflow_portal
  using (access.is_member(name) or access.has_role('admin'));
drop policy mine on access.membership;
create policy mine on access.membership for select to radflow_portal
  using (account = access.current_account() or access.is_member(team) or access.has_role('admin'));
drop policy admin_read on audit.event;
create policy admin_read on audit.event for select to radflow_portal using ((select access.has_role('admin')));
create policy admin on access.account for select to radflow_portal using (access.has_role('admin'));
create policy admin on access.account_role for select to radflow_portal using (access.has_role('admin'));
grant select on access.agreement, access.acceptance, access.offer, access.request, access.decision
  to radflow_pipeline, radflow_portal;
grant insert on access.acceptance, access.request, access.decision to radflow_portal;
grant update (steward, expires_at, changed_at) on access.membership to radflow_pipeline;

revoke all on function access.record, access.know_me, access.set_role, access.make_team, access.set_member,
  access.end_member, access.publish_agreement, access.set_offer from public;
grant execute on function access.set_role, access.make_team, access.set_member, access.end_member,
  access.publish_agreement, access.set_offer to radflow_portal;

-- As with re-identification: what functions above record, nobody records by hand.
alter policy pipeline on audit.event with check (action !~ '^(reidentify|key|broker|access)[.]');
alter policy self_write on audit.event
  with check (account = access.current_account() and action !~ '^(reidentify|key|broker|access)[.]');
alter policy broker on audit.event with check (
  account = access.current_account()
  and (action = 'reidentify.denied' or action !~ '^(reidentify|key|broker|access)[.]'));
