-- Written by scripts/dump_schema.py from sql/migrations (make schema). To be read, not to be executed.
CREATE SCHEMA access;

CREATE SCHEMA audit;

CREATE SCHEMA broker;

CREATE SCHEMA catalog;

CREATE SCHEMA curation;

CREATE SCHEMA experiment;

CREATE SCHEMA landing;

CREATE SCHEMA phi;

CREATE SCHEMA registry;

CREATE SCHEMA upload;

CREATE TYPE access.role AS ENUM (
    'researcher',
    'curator',
    'adjudicator',
    'data_engineer',
    'broker',
    'admin'
);

CREATE TYPE access.visibility AS ENUM (
    'private',
    'team',
    'public'
);

CREATE FUNCTION access.current_account() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('radflow.account'::text, true), ''::text);

CREATE FUNCTION access.end_member(of_team text, who text, why text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
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

CREATE FUNCTION access.guard_acceptance() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
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

CREATE FUNCTION access.guard_decision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
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

CREATE FUNCTION access.guard_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
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

CREATE TABLE access.acceptance (
    account text NOT NULL,
    agreement_id bigint NOT NULL,
    sha256 text NOT NULL,
    accepted_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE access.acceptance IS 'Who accepted which text, by its hash.';

CREATE TABLE access.offer (
    team text NOT NULL,
    title text NOT NULL,
    summary text NOT NULL,
    agreement_id bigint,
    most_days integer DEFAULT 365 NOT NULL,
    open boolean DEFAULT true NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT offer_most_days_check CHECK (((most_days >= 1) AND (most_days <= 3650))),
    CONSTRAINT offer_summary_check CHECK (((char_length(summary) >= 1) AND (char_length(summary) <= 4000))),
    CONSTRAINT offer_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 200)))
);

COMMENT ON TABLE access.offer IS 'What a team has, in words that everybody who is signed in may read, and what its members agree to.';

COMMENT ON COLUMN access.offer.agreement_id IS 'Members who have not accepted it see nothing of the team, whoever let them in.';

CREATE FUNCTION access.has_agreed(who text, wanted text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    RETURN (NOT (EXISTS (SELECT FROM access.offer o WHERE ((o.team = has_agreed.wanted) AND (o.agreement_id IS NOT NULL) AND (NOT (EXISTS (SELECT FROM access.acceptance a WHERE ((a.account = has_agreed.who) AND (a.agreement_id = o.agreement_id)))))))));

CREATE TABLE access.account_role (
    account text NOT NULL,
    role access.role NOT NULL
);

CREATE FUNCTION access.has_role(wanted access.role) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'access', 'pg_temp'
    RETURN (EXISTS (SELECT FROM access.account_role r WHERE ((r.account = access.current_account()) AND (r.role = has_role.wanted))));

CREATE TABLE access.membership (
    team text NOT NULL,
    account text NOT NULL,
    steward boolean DEFAULT false NOT NULL,
    expires_at timestamp with time zone,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN access.membership.steward IS 'Decides who else is let in.';

COMMENT ON COLUMN access.membership.expires_at IS 'Null: without end. An ended membership stays as a row that gives nothing.';

CREATE FUNCTION access.in_team(wanted text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    RETURN ((EXISTS (SELECT FROM access.membership m WHERE ((m.account = access.current_account()) AND (m.team = in_team.wanted) AND ((m.expires_at IS NULL) OR (m.expires_at > now()))))) AND access.has_agreed(access.current_account(), wanted));

CREATE FUNCTION access.is_member(wanted text, as_steward boolean DEFAULT false) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    RETURN (EXISTS (SELECT FROM access.membership m WHERE ((m.account = access.current_account()) AND (m.team = is_member.wanted) AND (m.steward OR (NOT is_member.as_steward)) AND ((m.expires_at IS NULL) OR (m.expires_at > now())))));

CREATE FUNCTION access.know_me() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
begin
  if access.current_account() is null then
    raise exception 'nobody is signed in' using errcode = 'insufficient_privilege';
  end if;
  insert into access.account (name, display_name)
  values (access.current_account(), access.current_account()) on conflict do nothing;
end $$;

CREATE FUNCTION access.make_team(named text, why text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
begin
  perform access.require_admin();
  insert into access.team (name) values (named);
  perform access.record('access.make-team', 'team', named, why);
end $$;

CREATE FUNCTION access.may_decide(wanted text) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (access.is_member(wanted, true) OR access.has_role('admin'::access.role));

COMMENT ON FUNCTION access.may_decide(wanted text) IS 'A steward of the team, or an admin.';

CREATE FUNCTION access.may_see(owner text, team text, visibility access.visibility) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ((access.current_account() IS NOT NULL) AND ((owner = access.current_account()) OR (visibility = 'public'::access.visibility) OR ((visibility = 'team'::access.visibility) AND access.in_team(team))));

COMMENT ON FUNCTION access.may_see(owner text, team text, visibility access.visibility) IS 'The one rule: yours, your team''s, or public. Nobody without a name sees anything.';

CREATE FUNCTION access.note_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
begin
  perform access.record('access.request', 'team', new.team, new.purpose,
                        jsonb_build_object('request', new.id, 'days', new.days));
  return null;
end $$;

CREATE FUNCTION access.publish_agreement(named text, titled text, text_of text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
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

CREATE FUNCTION access.record(action text, kind text, object text, reason text, detail jsonb DEFAULT '{}'::jsonb) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'audit', 'access', 'pg_temp'
    AS $$
begin
  insert into audit.event (account, action, object_kind, object_id, reason, detail)
  values (access.current_account(), action, kind, object, reason, detail);
end $$;

CREATE FUNCTION access.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  raise exception '%.% is append-only', tg_table_schema, tg_table_name
    using hint = 'Add a new row; what was recorded stays recorded.', errcode = 'restrict_violation';
end $$;

CREATE FUNCTION access.require_admin() RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
begin
  if not access.has_role('admin') then
    raise exception 'only an admin does this' using errcode = 'insufficient_privilege';
  end if;
end $$;

CREATE FUNCTION access.require_other(who text) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
begin
  if who = access.current_account() then
    raise exception 'nobody changes the own rights'
      using hint = 'Another admin or steward does it.', errcode = 'insufficient_privilege';
  end if;
end $$;

CREATE FUNCTION access.set_member(into_team text, who text, as_steward boolean, days integer, why text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
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

CREATE FUNCTION access.set_offer(of_team text, titled text, summed text, agreed bigint, at_most integer, is_open boolean) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
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

CREATE FUNCTION access.set_role(who text, wanted access.role, given boolean, why text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'access', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION access.set_role(who text, wanted access.role, given boolean, why text) IS 'Give a role to somebody else, or take it away. For admins.';

CREATE FUNCTION audit.chain() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'audit', 'pg_temp'
    AS $$
begin
  perform pg_advisory_xact_lock(hashtext('audit.event'));   -- one writer at a time: the chain has no forks
  new.at := clock_timestamp();
  new.previous_hash := coalesce((select hash from audit.event order by id desc limit 1), '');
  new.hash := audit.digest(new);
  return new;
end $$;

CREATE TABLE audit.event (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    account text NOT NULL,
    action text NOT NULL,
    object_kind text NOT NULL,
    object_id text NOT NULL,
    reason text,
    detail jsonb DEFAULT '{}'::jsonb NOT NULL,
    previous_hash text NOT NULL,
    hash text NOT NULL
);

COMMENT ON TABLE audit.event IS 'Append-only; each row''s hash covers the row before it.';

CREATE FUNCTION audit.digest(e audit.event) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN encode(sha256(convert_to((jsonb_build_array((e).id, (e).previous_hash, to_char(((e).at AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US'::text), (e).account, (e).action, (e).object_kind, (e).object_id, (e).reason, (e).detail))::text, 'UTF8'::name)), 'hex'::text);

CREATE FUNCTION audit.first_broken() RETURNS bigint
    LANGUAGE sql STABLE
    RETURN (SELECT min("row".id) AS min FROM (SELECT e.id, e.hash, e.previous_hash, audit.digest(e.*) AS wanted, lag(e.hash, 1, ''::text) OVER (ORDER BY e.id) AS before FROM audit.event e) "row" WHERE (("row".hash <> "row".wanted) OR ("row".previous_hash <> "row".before)));

COMMENT ON FUNCTION audit.first_broken() IS 'Id of the first event whose hash or link is wrong; null if the chain is whole.';

CREATE FUNCTION audit.holds(noted_id bigint, noted_hash text) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (EXISTS (SELECT FROM audit.event e WHERE ((e.id = holds.noted_id) AND (e.hash = holds.noted_hash))));

COMMENT ON FUNCTION audit.holds(noted_id bigint, noted_hash text) IS 'Whether an id and hash noted earlier are still in the chain.';

CREATE FUNCTION broker.are_subjects(subjects text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN (SELECT COALESCE(bool_and(COALESCE((s.s ~ '^(RF-[0-9A-HJKMNP-TV-Z]{10}|2[.]25[.][1-9][0-9]{0,38})$'::text), false)), true) AS "coalesce" FROM unnest(are_subjects.subjects) s(s));

CREATE FUNCTION broker.audit_decision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'pg_temp'
    AS $$
begin
  insert into audit.event (account, action, object_kind, object_id, reason, detail, previous_hash, hash)
  select new.account, 'reidentify.' || new.decision, 'reidentify', r.id::text, new.reason,
         jsonb_build_object('kind', r.kind, 'count', cardinality(r.subjects)), '', ''
  from broker.request r where r.id = new.request_id;
  return null;
end $$;

CREATE FUNCTION broker.audit_disclosure() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'pg_temp'
    AS $$
begin
  insert into audit.event (account, action, object_kind, object_id, reason, detail, previous_hash, hash)
  select new.account, 'reidentify.disclose', 'reidentify', r.id::text, r.reason,
         jsonb_build_object('kind', r.kind, 'count', cardinality(r.subjects), 'disclosure', new.id), '', ''
  from broker.request r where r.id = new.request_id;
  return null;
end $$;

CREATE FUNCTION broker.audit_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'pg_temp'
    AS $$
begin
  insert into audit.event (account, action, object_kind, object_id, reason, detail, previous_hash, hash)
  values (new.requester, 'reidentify.request', 'reidentify', new.id::text, new.reason,
          jsonb_build_object('kind', new.kind, 'count', cardinality(new.subjects), 'by', session_user::text), '', '');
  return null;
end $$;

CREATE FUNCTION broker.audit_role() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'pg_temp'
    AS $$
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

CREATE TABLE broker.request (
    id bigint NOT NULL,
    kind text NOT NULL,
    subjects text[] DEFAULT '{}'::text[] NOT NULL,
    cohort text,
    project text,
    key_id text,
    reason text NOT NULL,
    requester text NOT NULL,
    valid_days integer DEFAULT 7 NOT NULL,
    dag_run text,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT a_reason_is_given CHECK (((char_length(regexp_replace(reason, '\s'::text, ''::text, 'g'::text)) >= 10) AND (char_length(reason) <= 2000))),
    CONSTRAINT aliases_and_new_uids_only CHECK (broker.are_subjects(subjects)),
    CONSTRAINT identity_of_somebody CHECK (((kind = 'identity'::text) = (cardinality(subjects) > 0))),
    CONSTRAINT keys_of_a_project CHECK (((kind = 'identity'::text) = (project IS NULL))),
    CONSTRAINT not_everybody_at_once CHECK ((cardinality(subjects) <= 5000)),
    CONSTRAINT request_key_id_check CHECK ((key_id ~ '^[0-9a-f]{16}$'::text)),
    CONSTRAINT request_kind_check CHECK ((kind = ANY (ARRAY['identity'::text, 'linkage'::text, 'rotation'::text]))),
    CONSTRAINT request_valid_days_check CHECK (((valid_days >= 1) AND (valid_days <= 30))),
    CONSTRAINT rotation_to_a_key CHECK (((kind = 'rotation'::text) = (key_id IS NOT NULL)))
);

COMMENT ON TABLE broker.request IS 'identity: who these aliases are. linkage: which aliases of a project are one patient under different keys. rotation: a new key.';

COMMENT ON COLUMN broker.request.cohort IS 'The frozen cohort (name@version) whose aliases were asked for, if they came from one.';

COMMENT ON COLUMN broker.request.dag_run IS 'The Airflow run that opened it: a repeated task finds the same request.';

COMMENT ON COLUMN broker.request.expires_at IS 'No approval and no disclosure after this.';

CREATE FUNCTION broker.disclosed(wanted bigint, wanted_kind text) RETURNS broker.request
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'pg_temp'
    AS $$
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

CREATE FUNCTION broker.guard_decision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'pg_temp'
    AS $$
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

CREATE FUNCTION broker.guard_disclosure() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'pg_temp'
    AS $$
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

CREATE FUNCTION broker.guard_request() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'phi', 'pg_temp'
    AS $$
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

CREATE FUNCTION broker.identities(wanted bigint) RETURNS TABLE(subject text, project text, level text, original_uid text, patient_alias text, patient_id text, issuer_of_patient_id text, patient_name text, patient_birth_date text, days_offset integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'phi', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION broker.identities(wanted bigint) IS 'The answer to an approved request, for its requester, after the disclosure was recorded.';

CREATE FUNCTION broker.linkage(wanted bigint) RETURNS TABLE(old_alias text, old_key_id text, new_alias text, new_key_id text, days_to_add integer)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'phi', 'pg_temp'
    AS $$
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

COMMENT ON FUNCTION broker.linkage(wanted bigint) IS 'Old and new alias of each patient seen under more than one key, and the days to add to dates of the new one to compare. Needs no key.';

CREATE FUNCTION broker.require_acting(account text) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
begin
  if account is distinct from access.current_account() then
    raise exception 'nobody acts in the name of another' using errcode = 'insufficient_privilege';
  end if;
end $$;

CREATE FUNCTION broker.require_broker(account text) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
begin
  if not exists (select from access.account_role r where r.account = require_broker.account and r.role = 'broker') then
    raise exception '% has not the role broker', coalesce(account, 'nobody')
      using hint = 'Only honest brokers ask, decide and read; give the account the role (python -m operators.accounts).',
            errcode = 'insufficient_privilege';
  end if;
end $$;

CREATE FUNCTION broker.spelling(identifier text) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN upper(btrim(regexp_replace(NORMALIZE(identifier, NFKC), '\s+'::text, ' '::text, 'g'::text)));

CREATE FUNCTION broker.take_effect() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'broker', 'phi', 'pg_temp'
    AS $$
begin
  if new.decision = 'approve' then
    perform pg_advisory_xact_lock(hashtext('phi.project_key'));
    insert into phi.project_key (project, epoch, key_id, request_id)
    select r.project, 1 + (select max(k.epoch) from phi.project_key k where k.project = r.project), r.key_id, r.id
    from broker.request r where r.id = new.request_id and r.kind = 'rotation';
  end if;
  return null;
end $$;

CREATE FUNCTION catalog.add_members(of_kind text, facets integer[], numbers integer[]) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
  insert into catalog.facet_members as known (facet_id, kind, chunk, share_id, members)
    select a.facet_id, of_kind, a.number >> 10, f.share_id,
           bit_or(set_bit(b'0'::bit(1024), a.number & 1023, 1))
    from unnest(facets, numbers) as a (facet_id, number) join catalog.facet f on f.id = a.facet_id
    group by 1, 2, 3, 4 order by 1, 3
    on conflict (facet_id, kind, chunk) do update set members = known.members | excluded.members
    where known.members | excluded.members <> known.members
$$;

CREATE FUNCTION catalog.age_band(years double precision) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (years IS NULL) THEN ''::text WHEN (years < (18)::double precision) THEN '0-17'::text WHEN (years < (30)::double precision) THEN '18-29'::text WHEN (years >= (90)::double precision) THEN '90+'::text ELSE (((((10)::double precision * floor((years / (10)::double precision))))::integer || '-'::text) || ((((10)::double precision * floor((years / (10)::double precision))) + (9)::double precision))::integer) END;

CREATE FUNCTION catalog.count_added() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
declare facets integer[]; numbers integer[];
begin
  insert into catalog.study_facet as known (study_no, facet_id, patient_no, share_id, series_count)
    select study_no, facet_id, patient_no, share_id, count(*) from added group by 1, 2, 3, 4
    on conflict (study_no, facet_id, patient_no) do update set series_count = known.series_count + excluded.series_count;
  update catalog.facet f set series_count = f.series_count + a.series, image_count = f.image_count + a.images,
                             byte_count = f.byte_count + a.bytes
    from (select facet_id, count(*) as series, sum(image_count) as images, coalesce(sum(byte_count), 0) as bytes
          from added group by 1 order by 1) a where f.id = a.facet_id;
  update catalog.description d
    set share_ids = array(select distinct unnest(d.share_ids || a.share_ids) order by 1)
    from (select description_id, array_agg(distinct share_id) as share_ids from added group by 1 order by 1) a
    where d.id = a.description_id and not d.share_ids @> a.share_ids;
  perform catalog.sum_up(array(select distinct study_no from added order by 1),
                         array(select distinct patient_no from added order by 1));
  select array_agg(facet_id), array_agg(study_no) into facets, numbers
    from (select distinct facet_id, study_no from added) a;
  perform catalog.add_members('study', facets, numbers);
  select array_agg(facet_id), array_agg(patient_no) into facets, numbers
    from (select distinct facet_id, patient_no from added) a;
  perform catalog.add_members('patient', facets, numbers);
  return null;
end $$;

CREATE FUNCTION catalog.count_gone() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
begin
  update catalog.study_facet f set series_count = f.series_count - g.series
    from (select study_no, facet_id, patient_no, count(*) as series from gone group by 1, 2, 3) g
    where (f.study_no, f.facet_id, f.patient_no) = (g.study_no, g.facet_id, g.patient_no);
  delete from catalog.study_facet f using (select distinct study_no from gone) g
    where f.study_no = g.study_no and f.series_count = 0;
  update catalog.facet f set series_count = f.series_count - g.series, image_count = f.image_count - g.images,
                             byte_count = f.byte_count - g.bytes
    from (select facet_id, count(*) as series, sum(image_count) as images, coalesce(sum(byte_count), 0) as bytes
          from gone group by 1 order by 1) g where f.id = g.facet_id;
  update catalog.description d
    set share_ids = array(select distinct s.share_id from catalog.series s where s.description_id = d.id order by 1)
    from (select distinct description_id from gone) g where d.id = g.description_id;
  perform catalog.sum_up(array(select distinct study_no from gone order by 1),
                         array(select distinct patient_no from gone order by 1));
  perform catalog.renew_members(array(select distinct facet_id from gone order by 1));
  return null;
end $$;

CREATE FUNCTION catalog.count_moved() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
declare
  studies integer[]; patients integer[]; descriptions integer[]; into_facets integer[]; from_facets integer[];
  own_studies integer[]; own_patients integer[];
begin
  with changed as materialized (
    select n.study_no, n.patient_no, n.description_id, n.image_count, coalesce(n.byte_count, 0) as byte_count,
           n.facet_id as into_facet, n.share_id as into_share, w.facet_id as from_facet, w.share_id as from_share
    from now_so n join was_so w using (series_uid)
    where (n.facet_id, n.share_id) is distinct from (w.facet_id, w.share_id)
  ), step as (
    select study_no, into_facet as facet_id, patient_no, into_share as share_id, 1 as way, image_count, byte_count
    from changed
    union all
    select study_no, from_facet, patient_no, from_share, -1, image_count, byte_count from changed
    where from_facet is not null
  ), of_studies as (
    insert into catalog.study_facet as known (study_no, facet_id, patient_no, share_id, series_count)
      select study_no, facet_id, patient_no, share_id, sum(way) from step group by 1, 2, 3, 4
      on conflict (study_no, facet_id, patient_no)
      do update set series_count = known.series_count + excluded.series_count
  ), of_facets as (
    update catalog.facet f set series_count = f.series_count + m.series, image_count = f.image_count + m.images,
                               byte_count = f.byte_count + m.bytes
      from (select facet_id, sum(way) as series, sum(way * image_count) as images, sum(way * byte_count) as bytes
            from step group by 1 order by 1) m where f.id = m.facet_id
  )
  select array_agg(distinct study_no), array_agg(distinct patient_no), array_agg(distinct description_id),
         array_agg(into_facet), array_agg(study_no), array_agg(patient_no), array_agg(distinct from_facet)
    into studies, patients, descriptions, into_facets, own_studies, own_patients, from_facets from changed;
  if studies is null then return null; end if;
  delete from catalog.study_facet f where f.study_no = any (studies) and f.series_count = 0;
  update catalog.description d
    set share_ids = array(select distinct s.share_id from catalog.series s where s.description_id = d.id order by 1)
    where d.id = any (descriptions);
  perform catalog.sum_up(studies, patients);
  perform catalog.add_members('study', into_facets, own_studies);
  perform catalog.add_members('patient', into_facets, own_patients);
  perform catalog.renew_members(from_facets);
  return null;
end $$;

CREATE FUNCTION catalog.deid_decided() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
begin
  update catalog.deid_outcome o set waits = catalog.deid_waits(o.received_id, o.report_id)
  where o.received_id = new.series_id and o.kind = 'quarantine'
    and o.waits <> catalog.deid_waits(o.received_id, o.report_id);
  return null;
end $$;

CREATE FUNCTION catalog.deid_expect() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
begin
  insert into catalog.deid_outcome (batch_id, received_id, owner, team, visibility)
  values (new.batch_id, new.received_id, new.owner, new.team, new.visibility);
  return null;
end $$;

CREATE TABLE catalog.deid_report (
    id bigint NOT NULL,
    batch_id bigint NOT NULL,
    received_id bigint NOT NULL,
    report jsonb NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    kind text GENERATED ALWAYS AS ((report ->> 'kind'::text)) STORED NOT NULL,
    report_sha256 text GENERATED ALWAYS AS ((report ->> 'sha256'::text)) STORED NOT NULL,
    content_sha256 text GENERATED ALWAYS AS ((report ->> 'content_sha256'::text)) STORED NOT NULL,
    policy_sha256 text GENERATED ALWAYS AS ((report #>> '{policy,sha256}'::text[])) STORED,
    series_uid text GENERATED ALWAYS AS ((report ->> 'series_uid'::text)) STORED,
    patient_alias text GENERATED ALWAYS AS ((report ->> 'patient_alias'::text)) STORED,
    reason_code text GENERATED ALWAYS AS ((report ->> 'code'::text)) STORED,
    object_count integer GENERATED ALWAYS AS ((COALESCE((report ->> 'objects'::text), (report ->> 'files'::text)))::integer) STORED NOT NULL,
    finding_count integer GENERATED ALWAYS AS (COALESCE(jsonb_array_length((report -> 'findings'::text)), 0)) STORED NOT NULL,
    verified boolean GENERATED ALWAYS AS (COALESCE(((report ->> 'verified'::text))::boolean, false)) STORED NOT NULL,
    modalities jsonb GENERATED ALWAYS AS ((report -> 'modalities'::text)) STORED NOT NULL,
    actions jsonb GENERATED ALWAYS AS (COALESCE((report -> 'actions'::text), '{}'::jsonb)) STORED NOT NULL,
    outcomes jsonb GENERATED ALWAYS AS (COALESCE((report -> 'outcomes'::text), '{}'::jsonb)) STORED NOT NULL,
    cuts jsonb GENERATED ALWAYS AS (COALESCE((report -> 'cuts'::text), '{}'::jsonb)) STORED NOT NULL,
    CONSTRAINT deid_report_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT deid_report_check1 CHECK (((kind = 'series'::text) = (series_uid IS NOT NULL))),
    CONSTRAINT deid_report_check2 CHECK (((kind = 'quarantine'::text) = (reason_code IS NOT NULL))),
    CONSTRAINT deid_report_kind_check CHECK ((kind = ANY (ARRAY['series'::text, 'quarantine'::text]))),
    CONSTRAINT deid_report_report_sha256_check CHECK ((report_sha256 ~ '^[0-9a-f]{64}$'::text))
);

COMMENT ON TABLE catalog.deid_report IS 'The report of deid.report, sealed by its sha256; columns behind created_at are read out of it. The last of an item counts.';

CREATE FUNCTION catalog.deid_last(batch bigint, received bigint) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    RETURN (SELECT max(r.id) AS max FROM catalog.deid_report r WHERE ((r.batch_id = deid_last.batch) AND (r.received_id = deid_last.received)));

COMMENT ON FUNCTION catalog.deid_last(batch bigint, received bigint) IS 'Number of the report that counts for a series in a batch.';

CREATE FUNCTION catalog.deid_note() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
begin
  perform from landing.received_series s where s.id = new.received_id for no key update; -- two runs take turns
  update catalog.deid_outcome o
  set report_id = new.id, kind = new.kind,
      waits = new.kind = 'quarantine' and catalog.deid_waits(new.received_id, new.id),
      object_count = new.object_count, finding_count = new.finding_count, verified = new.verified,
      series_uid = new.series_uid, patient_alias = new.patient_alias, created_at = new.created_at
  where o.batch_id = new.batch_id and o.received_id = new.received_id
    and (o.report_id is null or o.report_id < new.id);
  update catalog.deid_outcome o set waits = false
  where o.received_id = new.received_id and o.waits and o.report_id < new.id;
  return null;
end $$;

CREATE TABLE landing.quarantine (
    id bigint NOT NULL,
    series_id bigint NOT NULL,
    stage text NOT NULL,
    reason_code text NOT NULL,
    reason text NOT NULL,
    uri text,
    quarantined_at timestamp with time zone DEFAULT now() NOT NULL,
    decided_at timestamp with time zone,
    decided_by text,
    decision text,
    instruction text,
    CONSTRAINT quarantine_stage_check CHECK ((stage = ANY (ARRAY['fetch'::text, 'deidentify'::text])))
);

COMMENT ON TABLE landing.quarantine IS 'What could not be vouched for; a person decides.';

COMMENT ON COLUMN landing.quarantine.instruction IS 'What to do about it, as the error said.';

CREATE FUNCTION catalog.deid_waits(received bigint, refused bigint) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    RETURN ((NOT (EXISTS (SELECT FROM catalog.deid_report r WHERE ((r.received_id = deid_waits.received) AND (r.id > deid_waits.refused))))) AND (NOT (EXISTS (SELECT FROM (landing.quarantine q JOIN catalog.deid_report r ON ((r.id = deid_waits.refused))) WHERE ((q.series_id = deid_waits.received) AND (q.stage = 'deidentify'::text) AND (q.decided_at >= r.created_at))))));

COMMENT ON FUNCTION catalog.deid_waits(received bigint, refused bigint) IS 'Whether nothing came after a report of quarantine: no later report, no decision.';

CREATE TABLE catalog.share (
    id integer NOT NULL,
    collection text NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    state text NOT NULL,
    CONSTRAINT share_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL)))
);

COMMENT ON TABLE catalog.share IS 'The rule of visibility is decided here; series, studies, patients, counts and texts carry the number of their share.';

CREATE FUNCTION catalog.visible_shares() RETURNS integer[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    RETURN ARRAY(SELECT s.id FROM catalog.share s WHERE (access.may_see(s.owner, s.team, s.visibility) AND ((s.state = ANY (ARRAY['released'::text, 'listed'::text])) OR access.has_role('curator'::access.role) OR access.has_role('adjudicator'::access.role))));

CREATE TABLE catalog.description (
    id integer NOT NULL,
    study_description text NOT NULL,
    series_description text NOT NULL,
    share_ids integer[] DEFAULT '{}'::integer[] NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, translate(((study_description || ' '::text) || series_description), '_/\-+^&.,;:()[]{}'::text, '                  '::text))) STORED NOT NULL
);

COMMENT ON TABLE catalog.description IS 'Distinct pairs of Study Description (0008,1030) and Series Description (0008,103E), searchable.';

CREATE FUNCTION catalog.described(wanted tsquery) RETURNS SETOF integer
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 2000
    SET search_path TO 'catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT d.id
    FROM catalog.description d
   WHERE ((d.words @@ described.wanted) AND (d.share_ids && ( SELECT catalog.visible_shares() AS visible_shares)));
END;

COMMENT ON FUNCTION catalog.described(wanted tsquery) IS 'Descriptions with these words that a series has which the reader may see.';

CREATE TABLE landing.received_series (
    id bigint NOT NULL,
    source text NOT NULL,
    collection text NOT NULL,
    series_uid text NOT NULL,
    state text DEFAULT 'wanted'::text NOT NULL,
    image_count integer,
    licence text,
    licence_uri text,
    citation_uri text,
    owner text NOT NULL,
    team text,
    visibility access.visibility DEFAULT 'private'::access.visibility NOT NULL,
    uri text,
    object_count integer,
    byte_count bigint,
    manifest_sha256 text,
    research_series_uid text,
    reason_code text,
    reason text,
    attempts integer DEFAULT 0 NOT NULL,
    wanted_at timestamp with time zone DEFAULT now() NOT NULL,
    received_at timestamp with time zone,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    source_kind text,
    modality text,
    body_part text,
    offered_bytes bigint,
    address text,
    fallback text,
    given_by text,
    fetch_run_id bigint,
    CONSTRAINT received_series_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT received_series_check1 CHECK (((state <> ALL (ARRAY['received'::text, 'deidentified'::text])) OR ((uri IS NOT NULL) AND (manifest_sha256 IS NOT NULL)))),
    CONSTRAINT received_series_image_count_check CHECK ((image_count > 0)),
    CONSTRAINT received_series_offered_bytes_check CHECK ((offered_bytes >= 0)),
    CONSTRAINT received_series_source_kind_check CHECK ((source_kind ~ '^[a-z][a-z0-9_]*$'::text)),
    CONSTRAINT received_series_state_check CHECK ((state = ANY (ARRAY['wanted'::text, 'received'::text, 'deidentified'::text, 'quarantined'::text, 'failed'::text])))
);

COMMENT ON TABLE landing.received_series IS 'One row per series asked for. Tasks, logs and XCom name a series by this id, never by its original UID.';

COMMENT ON COLUMN landing.received_series.address IS 'Where the objects lie, for sources that need it.';

COMMENT ON COLUMN landing.received_series.given_by IS 'The connection that delivered, where it is not source.';

CREATE FUNCTION catalog.fetch_refused() RETURNS TABLE(id bigint, number bigint, source text, collection text, reason_code text, reason text, instruction text, file_count integer, created_at timestamp with time zone, owner text, team text, visibility access.visibility)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'landing', 'pg_temp'
    BEGIN ATOMIC
 SELECT q.id,
     r.id,
     r.source,
     r.collection,
     q.reason_code,
     q.reason,
     COALESCE(q.instruction, 'Look at the evidence in the quarantine, then decide, or fetch the series again.'::text) AS "coalesce",
     COALESCE(r.object_count, r.image_count, 0) AS "coalesce",
     q.quarantined_at,
     r.owner,
     r.team,
     r.visibility
    FROM (landing.quarantine q
      JOIN landing.received_series r ON ((r.id = q.series_id)))
   WHERE ((q.stage = 'fetch'::text) AND (q.decided_at IS NULL) AND (r.state = 'quarantined'::text) AND (access.current_account() IS NOT NULL) AND ((r.owner = access.current_account()) OR access.has_role('data_engineer'::access.role) OR access.has_role('broker'::access.role)));
END;

COMMENT ON FUNCTION catalog.fetch_refused() IS 'Series that fetching sent to quarantine and that wait for a person, for their owner, data engineers and brokers.';

CREATE FUNCTION catalog.file_series() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
declare coded catalog.body_part_code; maker text; terms text; described text;
begin
  select t.study_no, coalesce(new.study_date, t.study_date), coalesce(new.patient_age_years, t.patient_age_years),
         t.study_description
    into new.study_no, new.study_date, new.patient_age_years, described
    from catalog.study t where t.study_uid = new.study_uid;
  select p.patient_no, coalesce(new.patient_sex, case when p.patient_sex in ('M', 'F', 'O') then p.patient_sex end)
    into new.patient_no, new.patient_sex
    from catalog.patient p where p.collection = new.collection and p.patient_alias = new.patient_alias;
  if new.patient_age_years > 130 or new.patient_age_years < 0 or new.patient_age_years = 'NaN' then
    new.patient_age_years := null;
  end if;
  select * into coded from catalog.body_part_code b where b.value = catalog.fold(new.body_part);
  new.body_part_code := coded.scheme || ':' || coded.code;
  select m.name into maker from catalog.manufacturer_name m where m.value = catalog.fold(new.manufacturer);
  select l.short_name into terms from catalog.licence_name l where l.value = catalog.fold(new.licence);

  select s.id into new.share_id from catalog.share s
    where s.collection = new.collection and s.owner = new.owner and s.team is not distinct from new.team
      and s.visibility = new.visibility and s.state = new.state;
  if new.share_id is null then
    insert into catalog.share (collection, owner, team, visibility, state)
      values (new.collection, new.owner, new.team, new.visibility, new.state)
      on conflict (collection, owner, team, visibility, state) do update set state = excluded.state
      returning id into new.share_id;
  end if;

  insert into catalog.facet as f
      (share_id, collection, modality, body_part, body_part_label, sex, age_band, manufacturer, manufacturer_label,
       licence, licence_label, analysis_result)
    values (new.share_id, new.collection, new.modality, coalesce(new.body_part, ''),
            coalesce(coded.meaning, new.body_part, ''), coalesce(new.patient_sex, ''),
            catalog.age_band(new.patient_age_years), coalesce(new.manufacturer, ''),
            coalesce(maker, new.manufacturer, ''), coalesce(new.licence, ''), coalesce(terms, new.licence, ''),
            coalesce(new.analysis_result, ''))
    on conflict do nothing returning f.id into new.facet_id;
  if new.facet_id is null then
    select f.id into new.facet_id from catalog.facet f
      where f.share_id = new.share_id and f.modality = new.modality and f.body_part = coalesce(new.body_part, '')
        and f.sex = coalesce(new.patient_sex, '') and f.age_band = catalog.age_band(new.patient_age_years)
        and f.manufacturer = coalesce(new.manufacturer, '') and f.licence = coalesce(new.licence, '')
        and f.analysis_result = coalesce(new.analysis_result, '');
  end if;

  insert into catalog.description (study_description, series_description)
    values (coalesce(described, ''), coalesce(new.series_description, ''))
    on conflict (md5(study_description), md5(series_description)) do nothing returning id into new.description_id;
  if new.description_id is null then
    select d.id into new.description_id from catalog.description d
      where md5(d.study_description) = md5(coalesce(described, ''))
        and md5(d.series_description) = md5(coalesce(new.series_description, ''));
  end if;
  return new;
end $$;

CREATE FUNCTION catalog.fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(upper(value), '[^A-Z0-9]'::text, ''::text, 'g'::text);

COMMENT ON FUNCTION catalog.fold(value text) IS 'Letters and digits in upper case, the form in which spellings are looked up.';

CREATE FUNCTION catalog.guard_gone() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  raise exception 'series % is here, and stays in the catalog', old.series_uid
    using hint = 'Only what a public index listed, and lists no more, leaves it.', errcode = 'restrict_violation';
end $$;

CREATE FUNCTION catalog.link_reports() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
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

CREATE TABLE catalog.facet (
    id integer NOT NULL,
    share_id integer NOT NULL,
    collection text NOT NULL,
    modality text NOT NULL,
    body_part text NOT NULL,
    body_part_label text NOT NULL,
    sex text NOT NULL,
    age_band text NOT NULL,
    manufacturer text NOT NULL,
    manufacturer_label text NOT NULL,
    licence text NOT NULL,
    licence_label text NOT NULL,
    analysis_result text NOT NULL,
    series_count bigint DEFAULT 0 NOT NULL,
    image_count bigint DEFAULT 0 NOT NULL,
    byte_count bigint DEFAULT 0 NOT NULL
);

COMMENT ON TABLE catalog.facet IS 'How many series share all of these values; kept by triggers, gated by share like the series.';

COMMENT ON COLUMN catalog.facet.body_part_label IS 'The meaning of its code; as found where there is no code. The other labels alike.';

CREATE FUNCTION catalog.matching(of_collection text[], of_modality text[], of_body_part text[], of_sex text[], of_age_band text[], of_manufacturer text[], of_licence text[], of_analysis_result text[], of_state text[]) RETURNS SETOF integer
    LANGUAGE sql STABLE ROWS 500 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT f.id
    FROM (catalog.facet f
      JOIN catalog.share h ON ((h.id = f.share_id)))
   WHERE ((f.series_count > 0) AND ((matching.of_collection IS NULL) OR (f.collection = ANY (matching.of_collection))) AND ((matching.of_modality IS NULL) OR (f.modality = ANY (matching.of_modality))) AND ((matching.of_body_part IS NULL) OR (f.body_part_label = ANY (matching.of_body_part))) AND ((matching.of_sex IS NULL) OR (f.sex = ANY (matching.of_sex))) AND ((matching.of_age_band IS NULL) OR (f.age_band = ANY (matching.of_age_band))) AND ((matching.of_manufacturer IS NULL) OR (f.manufacturer_label = ANY (matching.of_manufacturer))) AND ((matching.of_licence IS NULL) OR (f.licence_label = ANY (matching.of_licence))) AND ((matching.of_analysis_result IS NULL) OR (f.analysis_result = ANY (matching.of_analysis_result))) AND ((matching.of_state IS NULL) OR (h.state = ANY (matching.of_state))));
END;

CREATE TABLE catalog.patient (
    collection text NOT NULL,
    patient_alias text NOT NULL,
    patient_sex text,
    patient_no integer NOT NULL,
    share_ids integer[] DEFAULT '{}'::integer[] NOT NULL
);

CREATE TABLE catalog.series (
    series_uid text NOT NULL,
    study_uid text NOT NULL,
    collection text NOT NULL,
    patient_alias text NOT NULL,
    modality text NOT NULL,
    body_part text,
    image_type text[] DEFAULT '{}'::text[] NOT NULL,
    derived boolean DEFAULT false NOT NULL,
    manufacturer text,
    manufacturer_model text,
    image_count integer NOT NULL,
    row_count integer,
    column_count integer,
    slice_thickness_mm double precision,
    spacing_between_slices_mm double precision,
    kvp double precision,
    exposure_mas double precision,
    tube_current_ma double precision,
    convolution_kernel text,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    uri text NOT NULL,
    manifest_sha256 text,
    policy_sha256 text,
    licence text,
    licence_uri text,
    citation_uri text,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    state text DEFAULT 'held'::text NOT NULL,
    catalogued_at timestamp with time zone DEFAULT now() NOT NULL,
    settled_at timestamp with time zone,
    study_no integer NOT NULL,
    patient_no integer NOT NULL,
    share_id integer NOT NULL,
    facet_id integer NOT NULL,
    description_id integer NOT NULL,
    study_date date,
    patient_sex text,
    patient_age_years double precision,
    series_description text,
    body_part_code text,
    sop_class text,
    analysis_result text,
    byte_count bigint,
    listing text,
    listing_hash bigint,
    CONSTRAINT series_byte_count_check CHECK ((byte_count >= 0)),
    CONSTRAINT series_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT series_image_count_check CHECK ((image_count > 0)),
    CONSTRAINT series_listed CHECK (((state = 'listed'::text) = (listing IS NOT NULL))),
    CONSTRAINT series_patient_age_years_check CHECK (((patient_age_years >= (0)::double precision) AND (patient_age_years <= (130)::double precision))),
    CONSTRAINT series_patient_sex_check CHECK ((patient_sex = ANY (ARRAY['M'::text, 'F'::text, 'O'::text]))),
    CONSTRAINT series_settled CHECK (((state = ANY (ARRAY['held'::text, 'listed'::text])) = (settled_at IS NULL))),
    CONSTRAINT series_state_check CHECK ((state = ANY (ARRAY['held'::text, 'released'::text, 'rejected'::text, 'listed'::text]))),
    CONSTRAINT series_whole CHECK (((state = 'listed'::text) OR ((manifest_sha256 IS NOT NULL) AND (policy_sha256 IS NOT NULL))))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02');

COMMENT ON COLUMN catalog.series.state IS 'listed: known from a public index, its objects are not here, uri is their remote address.';

COMMENT ON COLUMN catalog.series.study_date IS 'Date of the study as this series has it; the study''s own may differ in public data.';

COMMENT ON COLUMN catalog.series.patient_sex IS 'As this series has it, M, F or O; anything else is unknown, and kept in attributes.';

COMMENT ON COLUMN catalog.series.body_part_code IS 'scheme:code by catalog.body_part_code; null where there is none.';

COMMENT ON COLUMN catalog.series.analysis_result IS 'The analysis that a derived series belongs to, as its index names it.';

CREATE TABLE catalog.study (
    study_uid text NOT NULL,
    collection text NOT NULL,
    patient_alias text NOT NULL,
    study_date date,
    patient_age_years double precision,
    study_no integer NOT NULL,
    study_description text,
    modalities text[] DEFAULT '{}'::text[] NOT NULL,
    body_parts text[] DEFAULT '{}'::text[] NOT NULL,
    manufacturers text[] DEFAULT '{}'::text[] NOT NULL,
    analysis_results text[] DEFAULT '{}'::text[] NOT NULL,
    share_ids integer[] DEFAULT '{}'::integer[] NOT NULL,
    series_count integer DEFAULT 0 NOT NULL,
    image_count bigint DEFAULT 0 NOT NULL,
    byte_count bigint DEFAULT 0 NOT NULL
);

COMMENT ON COLUMN catalog.study.study_date IS 'Shifted by the patient''s offset; intervals within a patient are true.';

COMMENT ON COLUMN catalog.study.body_parts IS 'Meanings of the codes where there are any, as in catalog.facet; else the text as found.';

CREATE FUNCTION catalog.misfiled() RETURNS bigint
    LANGUAGE sql STABLE
    RETURN (SELECT count(*) AS count FROM ((((catalog.series s LEFT JOIN catalog.share h ON ((h.id = s.share_id))) LEFT JOIN catalog.facet f ON ((f.id = s.facet_id))) LEFT JOIN catalog.study t ON ((t.study_uid = s.study_uid))) LEFT JOIN catalog.patient p ON (((p.collection = s.collection) AND (p.patient_alias = s.patient_alias)))) WHERE ((((((((((h.collection IS DISTINCT FROM s.collection) OR (h.owner IS DISTINCT FROM s.owner)) OR (h.team IS DISTINCT FROM s.team)) OR (h.visibility IS DISTINCT FROM s.visibility)) OR (h.state IS DISTINCT FROM s.state)) OR (f.share_id IS DISTINCT FROM s.share_id)) OR (f.modality IS DISTINCT FROM s.modality)) OR (t.study_no IS DISTINCT FROM s.study_no)) OR (p.patient_no IS DISTINCT FROM s.patient_no)) OR (f.collection IS DISTINCT FROM s.collection)));

COMMENT ON FUNCTION catalog.misfiled() IS 'Series whose share, facet, study or patient number is not that of their columns; zero is what one wants.';

CREATE FUNCTION catalog.refresh_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
begin
  analyze catalog.collection, catalog.patient, catalog.study, catalog.series, catalog.share, catalog.facet,
          catalog.study_facet, catalog.facet_members, catalog.description;
end $$;

CREATE FUNCTION catalog.renew_members(facets integer[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    AS $$
begin
  perform from catalog.facet_members m where m.facet_id = any (facets) order by m.facet_id, m.kind, m.chunk for update;
  update catalog.facet_members m
    set members = coalesce((
      select bit_or(set_bit(b'0'::bit(1024), t.study_no & 1023, 1)) from catalog.study_facet t
      where t.facet_id = m.facet_id and t.study_no between m.chunk << 10 and (m.chunk << 10) + 1023), b'0'::bit(1024))
    where m.facet_id = any (facets) and m.kind = 'study';
  update catalog.facet_members m
    set members = coalesce((
      select bit_or(set_bit(b'0'::bit(1024), t.patient_no & 1023, 1)) from catalog.study_facet t
      where t.facet_id = m.facet_id and t.patient_no between m.chunk << 10 and (m.chunk << 10) + 1023), b'0'::bit(1024))
    where m.facet_id = any (facets) and m.kind = 'patient';
end $$;

CREATE TABLE catalog.report (
    report_id text NOT NULL,
    received_id bigint NOT NULL,
    collection text NOT NULL,
    patient_alias text NOT NULL,
    study_uid text,
    accessions text[] DEFAULT '{}'::text[] NOT NULL,
    report_date date,
    kind text NOT NULL,
    scheme text,
    code text,
    meaning text,
    text text NOT NULL,
    sections jsonb DEFAULT '[]'::jsonb NOT NULL,
    words tsvector GENERATED ALWAYS AS (to_tsvector('english'::regconfig, text)) STORED NOT NULL,
    source text NOT NULL,
    policy_sha256 text NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    state text DEFAULT 'held'::text NOT NULL,
    settled_by text,
    settled_at timestamp with time zone,
    catalogued_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT report_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT report_state_check CHECK ((state = ANY (ARRAY['held'::text, 'released'::text])))
);

COMMENT ON TABLE catalog.report IS 'De-identified report text; dates in it are shifted as those of the patient''s images are.';

COMMENT ON COLUMN catalog.report.study_uid IS 'New Study Instance UID; the study itself may not be here (yet).';

COMMENT ON COLUMN catalog.report.accessions IS 'Accession numbers, hashed as in the de-identified images.';

CREATE FUNCTION catalog.reports_about(asked tsquery) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT r.report_id
    FROM catalog.report r
   WHERE ((r.words @@ reports_about.asked) AND access.may_see(r.owner, r.team, r.visibility) AND ((r.state = 'released'::text) OR access.has_role('curator'::access.role) OR access.has_role('adjudicator'::access.role)));
END;

COMMENT ON FUNCTION catalog.reports_about(asked tsquery) IS 'Reports that one may see and that match, by the index over their words.';

CREATE FUNCTION catalog.settle_report() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION catalog.sum_up(studies integer[], patients integer[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_indexonlyscan TO 'off'
    AS $$
begin
  perform from catalog.study t where t.study_no = any (studies) order by t.study_no for no key update;
  perform from catalog.patient p where p.patient_no = any (patients) order by p.patient_no for no key update;
  update catalog.study t
  set modalities = coalesce(x.modalities, '{}'), body_parts = coalesce(x.body_parts, '{}'),
      manufacturers = coalesce(x.manufacturers, '{}'), analysis_results = coalesce(x.analysis_results, '{}'),
      share_ids = coalesce(x.share_ids, '{}'), series_count = coalesce(x.series_count, 0),
      image_count = coalesce(x.image_count, 0), byte_count = coalesce(x.byte_count, 0)
  from unnest(studies) as wanted (study_no)
  left join lateral (
    select array_agg(distinct (s.f).modality) as modalities,
           array_agg(distinct (s.f).body_part_label) filter (where (s.f).body_part_label <> '') as body_parts,
           array_agg(distinct (s.f).manufacturer_label) filter (where (s.f).manufacturer_label <> '') as manufacturers,
           array_agg(distinct (s.f).analysis_result) filter (where (s.f).analysis_result <> '') as analysis_results,
           array_agg(distinct s.share_id) as share_ids, count(*) as series_count,
           sum(s.image_count) as image_count, coalesce(sum(s.byte_count), 0) as byte_count
    from (select (select f from catalog.facet f where f.id = s.facet_id) as f, s.share_id, s.image_count, s.byte_count
          from catalog.series s where s.study_no = wanted.study_no offset 0) s) x on true
  where t.study_no = wanted.study_no
    and (t.modalities, t.body_parts, t.manufacturers, t.analysis_results, t.share_ids, t.series_count, t.image_count,
         t.byte_count) is distinct from
        (coalesce(x.modalities, '{}'), coalesce(x.body_parts, '{}'), coalesce(x.manufacturers, '{}'),
         coalesce(x.analysis_results, '{}'), coalesce(x.share_ids, '{}'), coalesce(x.series_count, 0),
         coalesce(x.image_count, 0), coalesce(x.byte_count, 0));
  update catalog.patient p set share_ids = coalesce(x.share_ids, '{}')
  from unnest(patients) as wanted (patient_no)
  left join lateral (select array_agg(distinct f.share_id) as share_ids
                     from catalog.study_facet f where f.patient_no = wanted.patient_no) x on true
  where p.patient_no = wanted.patient_no and p.share_ids is distinct from coalesce(x.share_ids, '{}');
end $$;

CREATE FUNCTION curation.guard_birth() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if new.state not in ('held', 'listed') then
    raise exception 'a series enters the catalog held, or listed' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;

CREATE FUNCTION curation.guard_release() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare settled text;
begin
  if new.state is distinct from old.state then
    if old.state = 'listed' then
      raise exception 'series % is only listed', new.series_uid
        using hint = 'Fetch it: what is de-identified from it is held, and curated.', errcode = 'restrict_violation';
    end if;
    select o.decision into settled from curation.outcome o where o.series_uid = new.series_uid;
    if (new.state = 'released' and settled is distinct from 'accept')
       or (new.state = 'rejected' and settled is distinct from 'reject')
       or new.state in ('held', 'listed') then
      raise exception 'series % cannot become %: its sign-offs say %',
        new.series_uid, new.state, coalesce(settled, 'nothing yet')
        using hint = 'Two curators sign off, or an adjudicator settles it.', errcode = 'restrict_violation';
    end if;
    insert into catalog.revision (series_uid, change) values (new.series_uid, new.state);
  end if;
  return new;
end $$;

CREATE FUNCTION curation.in_order() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare open_outcome text;
begin
  if not exists (select from access.account_role r where r.account = new.account
                 and r.role = (case new.role when 'adjudicator' then 'adjudicator' else 'curator' end)::access.role) then
    raise exception '% has not the role that a % sign-off needs', new.account, new.role
      using hint = 'Give the account the role (python -m operators.accounts).', errcode = 'insufficient_privilege';
  end if;
  if new.role = 'second' and not exists
      (select from curation.sign_off s where s.series_uid = new.series_uid and s.role = 'first') then
    raise exception 'second sign-off before the first' using errcode = 'restrict_violation';
  end if;
  if new.role = 'adjudicator' then
    select o.outcome into open_outcome from curation.outcome o where o.series_uid = new.series_uid;
    if open_outcome is distinct from 'disputed' then
      raise exception 'nothing to adjudicate' using errcode = 'restrict_violation';
    end if;
  end if;
  return new;
end $$;

CREATE FUNCTION experiment.freeze_cohort(named text, told text, rules jsonb, rules_sha256 text, at_version bigint, whole_sha256 text, wanted_team text, wanted_visibility access.visibility, how jsonb, uids text[], attrition jsonb, timepoints jsonb) RETURNS TABLE(id bigint, version integer, created boolean, team text, visibility access.visibility)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'experiment', 'pg_temp'
    AS $$
declare me text := access.current_account(); known experiment.cohort; made experiment.cohort;
begin
  if me is null then
    raise exception 'nobody is signed in' using errcode = 'insufficient_privilege';
  end if;
  perform access.know_me();
  if wanted_team is not null and not access.in_team(wanted_team) then
    raise exception 'you are not in the team %', wanted_team
      using hint = 'Choose a team of yours, or private.', errcode = 'insufficient_privilege';
  end if;
  perform pg_advisory_xact_lock(hashtext('experiment.cohort ' || named));
  if exists (select from experiment.cohort c where c.name = named and c.owner <> me) then
    raise exception 'the cohort name % belongs to somebody else', named
      using hint = 'Choose another name.', errcode = 'insufficient_privilege';
  end if;
  select * into known from experiment.cohort c where c.name = named and c.cohort_sha256 = whole_sha256;
  if known.id is not null then
    return query select known.id, known.version, false, known.team, known.visibility;
    return;
  end if;
  if cardinality(uids) is distinct from (
      select count(*) from catalog.series s
      where s.series_uid = any (uids) and s.share_id = any (catalog.visible_shares())
        and s.state in ('released', 'listed')) then
    raise exception 'some of the series of cohort % are not there for you', named
      using hint = 'Freeze again: the catalog may have changed meanwhile.', errcode = 'restrict_violation';
  end if;
  insert into experiment.cohort
    (name, version, english, criteria, criteria_sha256, catalog_version, cohort_sha256, owner, team, visibility, grouping)
  select named, coalesce(max(c.version), 0) + 1, told, rules, rules_sha256, at_version, whole_sha256, me, wanted_team,
         wanted_visibility, how
  from experiment.cohort c where c.name = named
  returning * into made;
  insert into experiment.cohort_member (cohort_id, series_uid, study_uid, patient_alias, manifest_sha256)
  select made.id, u.uid, '', '', '' from unnest(uids) as u (uid);   -- the rest comes from the catalog: guard_member
  insert into experiment.cohort_attrition (cohort_id, rule_no, rule_text, series_count, patient_count)
  select made.id, a.rule_no, a.rule_text, a.n_series, a.n_patients
  from jsonb_to_recordset(attrition) as a (rule_no integer, rule_text text, n_series integer, n_patients integer);
  insert into experiment.cohort_timepoint (cohort_id, series_uid, timepoint, label, days_from_baseline)
  select made.id, t.series_uid, t.timepoint, t.label, t.days_from_baseline
  from jsonb_to_recordset(timepoints) as t (series_uid text, timepoint integer, label text, days_from_baseline integer);
  insert into experiment.cohort_lesion (cohort_id, series_uid, tracking_uid, tracking_id)
  select distinct on (s.series_uid, l.uid) made.id, s.series_uid, l.uid, l.id
  from catalog.series s
  cross join lateral jsonb_to_recordset(s.attributes->'Tracking') as l (uid text, id text)
  where s.series_uid = any (uids) and jsonb_typeof(s.attributes->'Tracking') = 'array' and l.uid is not null
  order by s.series_uid, l.uid, l.id;
  perform access.record('cohort.freeze', 'cohort', named || '@' || made.version, null,
                        jsonb_build_object('sha256', whole_sha256));
  return query select made.id, made.version, true, made.team, made.visibility;
end $$;

COMMENT ON FUNCTION experiment.freeze_cohort(named text, told text, rules jsonb, rules_sha256 text, at_version bigint, whole_sha256 text, wanted_team text, wanted_visibility access.visibility, how jsonb, uids text[], attrition jsonb, timepoints jsonb) IS 'Freeze what the caller may see, owned by the caller. The web server says which series the criteria found; the database takes nothing else from it.';

CREATE FUNCTION experiment.guard_frozen() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if not exists (select from experiment.cohort c
                 where c.id = new.cohort_id and c.xmin = pg_current_xact_id()::xid) then
    raise exception 'cohort % is frozen', new.cohort_id
      using hint = 'Freeze again: a changed result becomes the next version.', errcode = 'restrict_violation';
  end if;
  return new;
end $$;

CREATE FUNCTION experiment.guard_listed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
  if exists (select from experiment.cohort_member m where m.cohort_id = new.cohort_id and m.state = 'listed') then
    raise exception 'cohort % has series that are only listed', new.cohort_id
      using hint = 'Fetch them (the cohort exports manifests), have them curated, and freeze again.',
            errcode = 'restrict_violation';
  end if;
  return new;
end $$;

CREATE FUNCTION experiment.guard_member() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare cohort experiment.cohort; member catalog.series;
begin
  select * into cohort from experiment.cohort c where c.id = new.cohort_id;
  select * into member from catalog.series s where s.series_uid = new.series_uid;
  if member.series_uid is null or member.state not in ('released', 'listed') then
    raise exception 'series % is not released', new.series_uid using errcode = 'restrict_violation';
  end if;
  if cohort.visibility > member.visibility
     or (cohort.visibility = 'team' and member.visibility = 'team' and cohort.team is distinct from member.team) then
    raise exception 'cohort % cannot be % when its member % is %',
      cohort.name, cohort.visibility, new.series_uid, member.visibility
      using hint = 'Choose a narrower visibility.', errcode = 'restrict_violation';
  end if;
  new.state := member.state;
  new.study_uid := member.study_uid;
  new.patient_alias := member.patient_alias;
  new.manifest_sha256 := coalesce(member.manifest_sha256, 'listed:' || member.listing_hash);
  return new;
end $$;

CREATE FUNCTION experiment.guard_name() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'experiment', 'pg_temp'
    AS $$
begin
  if exists (select from experiment.spec s where s.name = new.name and s.owner <> new.owner) then
    raise exception 'experiment % belongs to somebody else', new.name
      using hint = 'Choose another name.', errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;

CREATE FUNCTION experiment.guard_visibility() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION experiment.take_revision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'experiment', 'pg_temp'
    AS $$
begin
  perform pg_advisory_xact_lock(hashtext('experiment.revision'));   -- numbers become visible in order
  insert into experiment.revision (change, name) values (tg_table_name, new.name) returning id into new.revision;
  return new;
end $$;

CREATE FUNCTION landing.tell_fetched() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION phi.guard_key() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'phi', 'pg_temp'
    AS $$
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

CREATE FUNCTION phi.stamp_key() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'phi', 'pg_temp'
    AS $$
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

CREATE FUNCTION phi.use_key(wanted_project text, wanted_key text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'phi', 'pg_temp'
    AS $$
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

CREATE TABLE upload.quota (
    account text NOT NULL,
    byte_count bigint NOT NULL,
    CONSTRAINT quota_byte_count_check CHECK ((byte_count >= 0))
);

COMMENT ON TABLE upload.quota IS 'Who may upload another amount than the setting upload_quota_gb says.';

CREATE FUNCTION upload.allowance() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    RETURN COALESCE((SELECT q.byte_count FROM upload.quota q WHERE (q.account = access.current_account())), (NULLIF(current_setting('radflow.upload_quota'::text, true), ''::text))::bigint, (0)::bigint);

COMMENT ON FUNCTION upload.allowance() IS 'Bytes the asking person may upload: the own row, or what the portal says (upload_quota_gb).';

CREATE FUNCTION upload.follow_catalog() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    AS $$
begin
  update upload.series u set stage = new.state, changed_at = now()
  where u.research_series_uid = new.series_uid and new.state in ('released', 'rejected');
  return null;
end $$;

CREATE FUNCTION upload.follow_landing() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    AS $$
declare of_upload bigint; curated text;
begin
  if new.state = 'deidentified' then
    select s.state into curated from catalog.series s where s.series_uid = new.research_series_uid;
    update upload.series u
    set stage = coalesce(curated, 'held'), research_series_uid = new.research_series_uid, reason_code = null,
        reason = null, changed_at = now()
    where u.received_id = new.id returning u.upload_id into of_upload;
    if of_upload is not null and coalesce(curated, 'held') = 'held' then
      insert into upload.notice as n (upload_id, series_count) values (of_upload, 1)
      on conflict (upload_id) do update set series_count = n.series_count + 1, changed_at = now();
    end if;
  elsif new.state in ('received', 'quarantined') then
    update upload.series u
    set stage = new.state, reason_code = new.reason_code, reason = new.reason, changed_at = now()
    where u.received_id = new.id;
  end if;
  return null;
end $$;

CREATE FUNCTION upload.guard_open() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    AS $$
begin
  if new.owner is distinct from access.current_account() then
    raise exception 'nobody uploads in the name of another' using errcode = 'insufficient_privilege';
  end if;
  perform access.know_me();
  if new.team is not null and not access.in_team(new.team) then
    raise exception 'you are not in team %', new.team
      using hint = 'Ask for access to the team, or accept its agreement.', errcode = 'insufficient_privilege';
  end if;
  perform pg_advisory_xact_lock(hashtext('upload.collection ' || new.collection));
  if not upload.may_use_collection(new.collection, new.team) then
    raise exception 'the collection % belongs to others', new.collection
      using hint = 'Choose another name.', errcode = 'restrict_violation';
  end if;
  new.opened_at := now();
  new.changed_at := now();
  return new;
end $$;

CREATE FUNCTION upload.guard_quota() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    AS $$
declare used bigint; allowed bigint;
begin
  if access.current_account() is null then return null; end if;   -- the pipeline announces nothing
  perform pg_advisory_xact_lock(hashtext('upload.quota ' || access.current_account()));
  used := upload.used();
  allowed := upload.allowance();
  if used > allowed then
    raise exception 'that would be % bytes of the % that you may upload within thirty days', used, allowed
      using hint = 'Cancel uploads that you do not need, or ask an admin for more.',
            errcode = 'program_limit_exceeded';
  end if;
  return null;
end $$;

CREATE FUNCTION upload.guard_state() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    AS $$
declare missing integer; there integer; bytes bigint;
begin
  if old.state = 'open' and new.state = 'received' then
    select count(*) filter (where f.state = 'open'), count(*) filter (where f.state = 'received'),
           coalesce(sum(f.done_bytes) filter (where f.state = 'received'), 0) into missing, there, bytes
    from upload.file f where f.upload_id = new.id;
    if missing > 0 then
      raise exception '% of % files are not here yet', missing, missing + there
        using hint = 'Send the rest, or finish without them.', errcode = 'restrict_violation';
    elsif there = 0 then
      raise exception 'no file was received'
        using hint = 'Send files, then finish; or cancel the upload.', errcode = 'restrict_violation';
    end if;
    perform access.record('upload.receive', 'upload', new.id::text, null,
                          jsonb_build_object('files', there, 'bytes', bytes));
  elsif old.state = 'open' and new.state = 'cancelled' then
    perform access.record('upload.cancel', 'upload', new.id::text, null);
  elsif new.state is distinct from old.state and old.state in ('done', 'cancelled', 'expired') then
    raise exception 'upload % is over (%)', new.id, old.state using errcode = 'restrict_violation';
  end if;
  new.changed_at := now();
  return new;
end $$;

CREATE TABLE catalog.collection (
    name text NOT NULL,
    source text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    title text,
    description text,
    licence text,
    doi text,
    cancer_types text,
    tumor_locations text,
    species text,
    subject_count integer,
    source_version text,
    group_name text
);

COMMENT ON COLUMN catalog.collection.subject_count IS 'As its source says it; how many patients are here is counted.';

COMMENT ON COLUMN catalog.collection.group_name IS 'The public index that a collection is listed by, for example idc.';

CREATE TABLE upload.upload (
    id bigint NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility DEFAULT 'private'::access.visibility NOT NULL,
    collection text NOT NULL,
    licence text NOT NULL,
    licence_uri text,
    attested boolean NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    reason_code text,
    reason text,
    attempts integer DEFAULT 0 NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    received_at timestamp with time zone,
    done_at timestamp with time zone,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    forgotten_at timestamp with time zone,
    CONSTRAINT the_right_to_share CHECK (attested),
    CONSTRAINT upload_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT upload_check1 CHECK (((state <> ALL (ARRAY['received'::text, 'done'::text])) OR (received_at IS NOT NULL))),
    CONSTRAINT upload_collection_check CHECK ((collection ~ '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$'::text)),
    CONSTRAINT upload_licence_check CHECK (((char_length(btrim(licence)) >= 2) AND (char_length(btrim(licence)) <= 2000))),
    CONSTRAINT upload_licence_uri_check CHECK (((licence_uri ~ '^https?://\S+$'::text) AND (char_length(licence_uri) <= 1000))),
    CONSTRAINT upload_state_check CHECK ((state = ANY (ARRAY['open'::text, 'received'::text, 'done'::text, 'cancelled'::text, 'expired'::text, 'failed'::text])))
);

COMMENT ON TABLE upload.upload IS 'What one person sends at a time: for whom, under which licence, and how far it is.';

COMMENT ON COLUMN upload.upload.attested IS 'The sender said to be allowed to share the images under this licence.';

COMMENT ON COLUMN upload.upload.forgotten_at IS 'When file names were deleted.';

CREATE FUNCTION upload.may_use_collection(wanted text, of_team text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    RETURN ((NOT (EXISTS (SELECT FROM catalog.collection c WHERE ((c.name = may_use_collection.wanted) AND (c.source <> 'upload'::text))))) AND (NOT (EXISTS (SELECT FROM landing.received_series r WHERE ((r.collection = may_use_collection.wanted) AND (r.source <> 'upload'::text))))) AND (NOT (EXISTS (SELECT FROM upload.upload u WHERE ((u.collection = may_use_collection.wanted) AND (u.state <> 'cancelled'::text) AND (u.owner <> access.current_account()) AND ((u.team IS NULL) OR (u.team IS DISTINCT FROM may_use_collection.of_team) OR (NOT access.in_team(u.team))))))));

COMMENT ON FUNCTION upload.may_use_collection(wanted text, of_team text) IS 'A collection of uploads belongs to who began it, or to the team; nobody adds to a public archive''s.';

CREATE FUNCTION upload.set_quota(who text, bytes bigint, why text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    AS $$
begin
  perform access.require_admin();
  if not exists (select from access.account a where a.name = who) then
    raise exception 'Radflow does not know %', who using errcode = 'restrict_violation';
  end if;
  insert into upload.quota (account, byte_count) values (who, bytes)
  on conflict (account) do update set byte_count = excluded.byte_count;
  perform access.record('upload.set-quota', 'account', who, why, jsonb_build_object('bytes', bytes));
end $$;

CREATE FUNCTION upload.tell_open() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    AS $$
begin
  perform access.record('upload.open', 'upload', new.id::text, null, jsonb_build_object(
    'collection', new.collection, 'team', new.team, 'visibility', new.visibility, 'licence', new.licence,
    'attested', new.attested));
  return null;
end $$;

CREATE TABLE upload.file (
    id bigint NOT NULL,
    upload_id bigint NOT NULL,
    number integer NOT NULL,
    name text,
    mark text,
    byte_count bigint NOT NULL,
    done_bytes bigint DEFAULT 0 NOT NULL,
    sha256 text,
    state text DEFAULT 'open'::text NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT file_byte_count_check CHECK ((byte_count >= 0)),
    CONSTRAINT file_check CHECK (((done_bytes >= 0) AND (done_bytes <= byte_count))),
    CONSTRAINT file_check1 CHECK (((state <> 'received'::text) OR ((done_bytes = byte_count) AND (sha256 IS NOT NULL)))),
    CONSTRAINT file_mark_check CHECK ((char_length(mark) <= 100)),
    CONSTRAINT file_name_check CHECK ((char_length(name) <= 1000)),
    CONSTRAINT file_number_check CHECK ((number > 0)),
    CONSTRAINT file_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT file_state_check CHECK ((state = ANY (ARRAY['open'::text, 'received'::text, 'left'::text])))
);

COMMENT ON COLUMN upload.file.name IS 'As the sender''s machine calls it: may name a patient.';

COMMENT ON COLUMN upload.file.mark IS 'The sender''s own mark, such as the time of the last change: only the same file is continued.';

COMMENT ON COLUMN upload.file.sha256 IS 'As announced while open, as received after that.';

CREATE FUNCTION upload.used() RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'upload', 'pg_temp'
    RETURN (SELECT (COALESCE(sum(f.byte_count), (0)::numeric))::bigint AS "coalesce" FROM (upload.file f JOIN upload.upload u ON ((u.id = f.upload_id))) WHERE ((u.owner = access.current_account()) AND (f.state <> 'left'::text) AND ((u.state = ANY (ARRAY['open'::text, 'received'::text])) OR ((u.state = ANY (ARRAY['done'::text, 'failed'::text])) AND (u.done_at > (now() - '30 days'::interval))))));

CREATE TABLE access.account (
    name text NOT NULL,
    display_name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT account_name_check CHECK ((name <> ''::text))
);

COMMENT ON TABLE access.account IS 'People as Airflow''s auth manager names them; teams and roles are ours.';

CREATE TABLE access.agreement (
    id bigint NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    sha256 text NOT NULL,
    published_by text NOT NULL,
    published_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT agreement_body_check CHECK (((char_length(body) >= 20) AND (char_length(body) <= 100000))),
    CONSTRAINT agreement_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT agreement_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT agreement_title_check CHECK (((char_length(title) >= 1) AND (char_length(title) <= 200))),
    CONSTRAINT agreement_version_check CHECK ((version > 0))
);

COMMENT ON TABLE access.agreement IS 'Data-use agreements; a changed text is the next version.';

ALTER TABLE access.agreement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME access.agreement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE access.decision (
    request_id bigint NOT NULL,
    requester text NOT NULL,
    account text NOT NULL,
    decision text NOT NULL,
    reason text,
    days integer,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT a_refusal_says_why CHECK (((decision <> 'refuse'::text) OR (char_length(regexp_replace(COALESCE(reason, ''::text), '\s'::text, ''::text, 'g'::text)) > 0))),
    CONSTRAINT decision_days_check CHECK (((days >= 1) AND (days <= 3650))),
    CONSTRAINT decision_decision_check CHECK ((decision = ANY (ARRAY['approve'::text, 'refuse'::text, 'withdraw'::text]))),
    CONSTRAINT decision_reason_check CHECK ((char_length(reason) <= 2000)),
    CONSTRAINT two_people CHECK (((decision = 'withdraw'::text) = (account = requester)))
);

COMMENT ON CONSTRAINT two_people ON access.decision IS 'Nobody lets oneself in; only the own request is withdrawn.';

CREATE TABLE access.request (
    id bigint NOT NULL,
    account text NOT NULL,
    team text NOT NULL,
    purpose text NOT NULL,
    days integer NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT a_purpose_is_given CHECK (((char_length(regexp_replace(purpose, '\s'::text, ''::text, 'g'::text)) >= 10) AND (char_length(purpose) <= 2000))),
    CONSTRAINT request_days_check CHECK (((days >= 1) AND (days <= 3650)))
);

ALTER TABLE access.request ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME access.request_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE access.team (
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT team_name_check CHECK ((name <> ''::text))
);

ALTER TABLE audit.event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME audit.event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE broker.decision (
    request_id bigint NOT NULL,
    requester text NOT NULL,
    account text NOT NULL,
    decision text NOT NULL,
    reason text,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT a_refusal_says_why CHECK (((decision = 'approve'::text) OR (char_length(regexp_replace(COALESCE(reason, ''::text), '\s'::text, ''::text, 'g'::text)) > 0))),
    CONSTRAINT decision_decision_check CHECK ((decision = ANY (ARRAY['approve'::text, 'refuse'::text]))),
    CONSTRAINT two_people CHECK ((account <> requester))
);

COMMENT ON CONSTRAINT two_people ON broker.decision IS 'Nobody decides about the own request.';

CREATE TABLE broker.disclosure (
    id bigint NOT NULL,
    request_id bigint NOT NULL,
    account text NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    transaction_id xid8 DEFAULT pg_current_xact_id() NOT NULL
);

COMMENT ON TABLE broker.disclosure IS 'One row each time an answer is given; committed before the first row of it, so that nothing is read unrecorded.';

ALTER TABLE broker.disclosure ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME broker.disclosure_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE broker.request ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME broker.request_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW broker.status WITH (security_invoker='true') AS
 SELECT r.id,
    r.kind,
    r.subjects,
    cardinality(r.subjects) AS subject_count,
    r.cohort,
    r.project,
    r.key_id,
    r.reason,
    r.requester,
    r.requested_at,
    r.expires_at,
    r.dag_run,
        CASE
            WHEN (d.decision = 'refuse'::text) THEN 'refused'::text
            WHEN ((d.decision = 'approve'::text) AND ((r.kind = 'rotation'::text) OR (clock_timestamp() < r.expires_at))) THEN 'approved'::text
            WHEN (clock_timestamp() < r.expires_at) THEN 'waiting'::text
            ELSE 'expired'::text
        END AS state,
    d.account AS decided_by,
    d.decided_at,
    d.reason AS decision_reason
   FROM (broker.request r
     LEFT JOIN broker.decision d ON ((d.request_id = r.id)));

COMMENT ON VIEW broker.status IS 'The state is derived, never stored: waiting, approved, refused, expired.';

CREATE TABLE catalog.body_part_code (
    value text NOT NULL,
    scheme text,
    code text,
    meaning text NOT NULL,
    match_quality text NOT NULL,
    CONSTRAINT body_part_code_check CHECK (((match_quality = 'none'::text) = (code IS NULL))),
    CONSTRAINT body_part_code_check1 CHECK (((code IS NULL) = (scheme IS NULL))),
    CONSTRAINT body_part_code_match_quality_check CHECK ((match_quality = ANY (ARRAY['exact'::text, 'approximate'::text, 'none'::text]))),
    CONSTRAINT body_part_code_value_check CHECK ((value ~ '^[A-Z0-9]+$'::text))
);

COMMENT ON TABLE catalog.body_part_code IS 'Body Part Examined (0018,0015) as found, folded by catalog.fold, and its code: terms of PS3.16 annex L and CID 4031.';

CREATE TABLE catalog.clinical_run (
    id bigint NOT NULL,
    dag_id text NOT NULL,
    run_id text NOT NULL,
    task_id text NOT NULL,
    part integer DEFAULT '-1'::integer NOT NULL,
    source text NOT NULL,
    source_kind text NOT NULL,
    collection text NOT NULL,
    selection text DEFAULT ''::text NOT NULL,
    identifiers text DEFAULT ''::text NOT NULL,
    licence text,
    received jsonb DEFAULT '{}'::jsonb NOT NULL,
    catalogued jsonb DEFAULT '{}'::jsonb NOT NULL,
    quarantined jsonb DEFAULT '{}'::jsonb NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT clinical_run_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT clinical_run_source_kind_check CHECK ((source_kind = ANY (ARRAY['fhir'::text, 'hl7'::text, 'csv'::text])))
);

COMMENT ON TABLE catalog.clinical_run IS 'One fetch of clinical resources: what came by kind, what of it is catalogued, what is in quarantine by reason. Without identity.';

COMMENT ON COLUMN catalog.clinical_run.identifiers IS 'Which identifier of a patient is the Patient ID of the images (research.clinical.linking); not for the portal.';

ALTER TABLE catalog.clinical_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.clinical_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.condition (
    id bigint NOT NULL,
    received_id bigint NOT NULL,
    collection text NOT NULL,
    patient_alias text NOT NULL,
    onset_on date,
    abated_on date,
    scheme text NOT NULL,
    code text NOT NULL,
    meaning text NOT NULL,
    clinical_status text NOT NULL,
    origin text NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    CONSTRAINT condition_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL)))
);

ALTER TABLE catalog.condition ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.condition_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.deid_batch (
    id bigint NOT NULL,
    name text NOT NULL,
    policy_sha256 text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT deid_batch_name_check CHECK ((name <> ''::text))
);

COMMENT ON TABLE catalog.deid_batch IS 'One run of de-identification over what waited; named by the Airflow run.';

ALTER TABLE catalog.deid_batch ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.deid_batch_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.deid_item (
    batch_id bigint NOT NULL,
    received_id bigint NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    CONSTRAINT deid_item_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL)))
);

COMMENT ON TABLE catalog.deid_item IS 'The series that a batch is about, by their number; owner, team and visibility as they were received.';

CREATE TABLE catalog.deid_outcome (
    batch_id bigint NOT NULL,
    received_id bigint NOT NULL,
    report_id bigint,
    kind text,
    waits boolean DEFAULT false NOT NULL,
    object_count integer DEFAULT 0 NOT NULL,
    finding_count integer DEFAULT 0 NOT NULL,
    verified boolean DEFAULT false NOT NULL,
    series_uid text,
    patient_alias text COLLATE pg_catalog."C",
    created_at timestamp with time zone,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    CONSTRAINT deid_outcome_check CHECK (((kind IS NULL) = (report_id IS NULL)))
);

COMMENT ON TABLE catalog.deid_outcome IS 'The last report of each series in each batch, none before the first; written by triggers. waits: nothing came after it.';

CREATE TABLE catalog.deid_picture (
    report_id bigint NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    png bytea NOT NULL,
    CONSTRAINT deid_picture_check CHECK ((encode(sha256(png), 'hex'::text) = sha256)),
    CONSTRAINT deid_picture_name_check CHECK ((name !~ '(^|/)before[^/]*$'::text)),
    CONSTRAINT deid_picture_png_check CHECK ((octet_length(png) <= 8388608))
);
ALTER TABLE ONLY catalog.deid_picture ALTER COLUMN png SET STORAGE EXTERNAL;

COMMENT ON TABLE catalog.deid_picture IS 'Pixels after de-identification; those from before are never in the database.';

ALTER TABLE catalog.deid_report ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.deid_report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE catalog.description ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.description_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE catalog.facet ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.facet_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.facet_members (
    facet_id integer NOT NULL,
    kind text NOT NULL,
    chunk integer NOT NULL,
    share_id integer NOT NULL,
    members bit(1024) NOT NULL,
    CONSTRAINT facet_members_kind_check CHECK ((kind = ANY (ARRAY['study'::text, 'patient'::text])))
);

COMMENT ON TABLE catalog.facet_members IS 'Bit n is set where study or patient number chunk * 1024 + n has series of the facet: distinct counts by or, not by sort.';

CREATE TABLE catalog.fetch_run (
    id bigint NOT NULL,
    dag_id text NOT NULL,
    run_id text NOT NULL,
    task_id text NOT NULL,
    part integer DEFAULT '-1'::integer NOT NULL,
    source text NOT NULL,
    source_kind text NOT NULL,
    found_at text NOT NULL,
    collection text NOT NULL,
    selection text NOT NULL,
    dry_run boolean NOT NULL,
    offered jsonb NOT NULL,
    wanted jsonb NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT fetch_run_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL)))
);

COMMENT ON TABLE catalog.fetch_run IS 'One question to a source: what it offers and what of it is new, counted per modality. Without identity.';

ALTER TABLE catalog.fetch_run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.fetch_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.fetched_series (
    received_id bigint NOT NULL,
    fetch_run_id bigint,
    source text NOT NULL,
    source_kind text,
    given_by text,
    collection text NOT NULL,
    modality text,
    body_part text,
    state text NOT NULL,
    image_count integer,
    byte_count bigint,
    bytes_done bigint,
    licence text,
    licence_uri text,
    citation_uri text,
    reason_code text,
    reason text,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    wanted_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone,
    changed_at timestamp with time zone NOT NULL,
    CONSTRAINT fetched_series_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL)))
);

COMMENT ON TABLE catalog.fetched_series IS 'Kept by a trigger on landing.received_series: whoever writes there, by whatever way in, is seen here.';

CREATE TABLE catalog.finding (
    id bigint NOT NULL,
    received_id bigint,
    collection text NOT NULL,
    patient_alias text NOT NULL,
    study_uid text,
    series_uid text,
    report_id text,
    found_on date,
    finding text NOT NULL,
    scheme text NOT NULL,
    code text NOT NULL,
    meaning text NOT NULL,
    match_quality text NOT NULL,
    status text NOT NULL,
    certainty text,
    start_offset integer,
    end_offset integer,
    rule_id text,
    origin text NOT NULL,
    findings_version text,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    CONSTRAINT finding_certainty_check CHECK ((certainty = ANY (ARRAY['definite'::text, 'probable'::text, 'possible'::text]))),
    CONSTRAINT finding_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT finding_check1 CHECK (((origin <> 'report'::text) OR ((report_id IS NOT NULL) AND (end_offset > start_offset)))),
    CONSTRAINT finding_match_quality_check CHECK ((match_quality = ANY (ARRAY['exact'::text, 'approximate'::text, 'none'::text]))),
    CONSTRAINT finding_origin_check CHECK ((origin = ANY (ARRAY['report'::text, 'curator'::text, 'sr'::text, 'fhir'::text]))),
    CONSTRAINT finding_status_check CHECK ((status = ANY (ARRAY['present'::text, 'absent'::text, 'uncertain'::text, 'historical'::text, 'family'::text])))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02');

COMMENT ON TABLE catalog.finding IS 'What a report, a person or an object says of a patient, by concept.';

COMMENT ON COLUMN catalog.finding.found_on IS 'Shifted date of the report, for time windows.';

ALTER TABLE catalog.finding ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.finding_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.instance (
    sop_uid text NOT NULL,
    series_uid text NOT NULL,
    sha256 text NOT NULL
);

CREATE TABLE catalog.licence_name (
    value text NOT NULL,
    short_name text NOT NULL,
    uri text,
    commercial boolean NOT NULL,
    CONSTRAINT licence_name_value_check CHECK ((value ~ '^[A-Z0-9]+$'::text))
);

COMMENT ON TABLE catalog.licence_name IS 'Licence texts folded by catalog.fold, their short name, and where it is written, and whether it allows commercial use.';

CREATE TABLE catalog.listing (
    id bigint NOT NULL,
    source text NOT NULL,
    version text NOT NULL,
    file_sha256 text NOT NULL,
    mapping_version integer NOT NULL,
    owner text NOT NULL,
    series_count integer NOT NULL,
    added_count integer NOT NULL,
    removed_count integer NOT NULL,
    skipped_count integer NOT NULL,
    loaded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT listing_file_sha256_check CHECK ((file_sha256 ~ '^[0-9a-f]{64}$'::text))
);

COMMENT ON TABLE catalog.listing IS 'Each load of a public index; the last of a source says what the listed series are.';

ALTER TABLE catalog.listing ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.listing_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.manufacturer_name (
    value text NOT NULL,
    name text NOT NULL,
    CONSTRAINT manufacturer_name_value_check CHECK ((value ~ '^[A-Z0-9]+$'::text))
);

COMMENT ON TABLE catalog.manufacturer_name IS 'Manufacturer (0008,0070) folded by catalog.fold, and one name per maker.';

CREATE TABLE catalog.modality_code (
    value text NOT NULL,
    scheme text,
    code text,
    meaning text NOT NULL,
    match_quality text NOT NULL,
    CONSTRAINT modality_code_check CHECK (((match_quality = 'none'::text) = (code IS NULL))),
    CONSTRAINT modality_code_check1 CHECK (((code IS NULL) = (scheme IS NULL))),
    CONSTRAINT modality_code_match_quality_check CHECK ((match_quality = ANY (ARRAY['exact'::text, 'approximate'::text, 'none'::text])))
);

COMMENT ON TABLE catalog.modality_code IS 'Modality (0008,0060) and its code in DCM (PS3.16 CID 29 and 33).';

CREATE TABLE catalog.observation (
    id bigint NOT NULL,
    received_id bigint NOT NULL,
    collection text NOT NULL,
    patient_alias text NOT NULL,
    observed_on date,
    scheme text NOT NULL,
    code text NOT NULL,
    meaning text NOT NULL,
    value double precision,
    unit text,
    value_text text,
    origin text NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    CONSTRAINT observation_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT observation_value_check CHECK ((value <> 'NaN'::double precision))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02');

COMMENT ON COLUMN catalog.observation.observed_on IS 'Shifted by the patient''s offset: intervals to studies are true.';

ALTER TABLE catalog.observation ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.observation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE catalog.patient ALTER COLUMN patient_no ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME catalog.patient_patient_no_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.policy (
    sha256 text NOT NULL,
    name text NOT NULL,
    english text[] NOT NULL,
    engine_version text NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE catalog.policy IS 'The de-identification policy an object was made under, in words.';

CREATE TABLE catalog.revision (
    id bigint NOT NULL,
    series_uid text NOT NULL,
    change text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT revision_change_check CHECK ((change = ANY (ARRAY['released'::text, 'rejected'::text])))
);

COMMENT ON TABLE catalog.revision IS 'The catalog version is the highest id: a cohort names the one it was drawn from.';

ALTER TABLE catalog.revision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.revision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE catalog.share ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME catalog.share_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.study_facet (
    study_no integer NOT NULL,
    facet_id integer NOT NULL,
    patient_no integer NOT NULL,
    share_id integer NOT NULL,
    series_count integer NOT NULL
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02');

COMMENT ON TABLE catalog.study_facet IS 'Which facets a study has series in: for counting studies and patients.';

ALTER TABLE catalog.study ALTER COLUMN study_no ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME catalog.study_study_no_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE catalog.tag (
    series_uid text NOT NULL,
    scheme text NOT NULL,
    code text NOT NULL,
    meaning text NOT NULL,
    match_quality text NOT NULL,
    CONSTRAINT tag_match_quality_check CHECK ((match_quality = ANY (ARRAY['exact'::text, 'approximate'::text, 'none'::text])))
);

COMMENT ON TABLE catalog.tag IS 'What the curators agreed on; who said what stays in curation.sign_off.';

CREATE TABLE catalog.truth (
    series_uid text NOT NULL,
    name text NOT NULL,
    value double precision NOT NULL,
    origin text NOT NULL
);

CREATE TABLE curation.sign_off (
    id bigint NOT NULL,
    series_uid text NOT NULL,
    role text NOT NULL,
    account text NOT NULL,
    decision text NOT NULL,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    comment text,
    signed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT sign_off_decision_check CHECK ((decision = ANY (ARRAY['accept'::text, 'reject'::text]))),
    CONSTRAINT sign_off_role_check CHECK ((role = ANY (ARRAY['first'::text, 'second'::text, 'adjudicator'::text])))
);

CREATE VIEW curation.outcome WITH (security_invoker='true') AS
 SELECT s.series_uid,
        CASE
            WHEN (a.id IS NOT NULL) THEN 'adjudicated'::text
            WHEN (f.id IS NULL) THEN 'open'::text
            WHEN (t.id IS NULL) THEN 'first read'::text
            WHEN ((f.decision = t.decision) AND ((f.decision = 'reject'::text) OR (f.sorted_tags = t.sorted_tags))) THEN 'agreed'::text
            ELSE 'disputed'::text
        END AS outcome,
    COALESCE(a.decision,
        CASE
            WHEN ((f.decision = t.decision) AND ((f.decision = 'reject'::text) OR (f.sorted_tags = t.sorted_tags))) THEN f.decision
            ELSE NULL::text
        END) AS decision,
        CASE
            WHEN (a.id IS NOT NULL) THEN a.sorted_tags
            WHEN ((f.decision = t.decision) AND ((f.decision = 'reject'::text) OR (f.sorted_tags = t.sorted_tags))) THEN f.sorted_tags
            ELSE NULL::text[]
        END AS tags
   FROM (((catalog.series s
     LEFT JOIN LATERAL ( SELECT x.id,
            x.series_uid,
            x.role,
            x.account,
            x.decision,
            x.tags,
            x.comment,
            x.signed_at,
            ARRAY( SELECT DISTINCT unnest(x.tags) AS unnest
                  ORDER BY (unnest(x.tags))) AS sorted_tags
           FROM curation.sign_off x
          WHERE ((x.series_uid = s.series_uid) AND (x.role = 'first'::text))) f ON (true))
     LEFT JOIN LATERAL ( SELECT x.id,
            x.series_uid,
            x.role,
            x.account,
            x.decision,
            x.tags,
            x.comment,
            x.signed_at,
            ARRAY( SELECT DISTINCT unnest(x.tags) AS unnest
                  ORDER BY (unnest(x.tags))) AS sorted_tags
           FROM curation.sign_off x
          WHERE ((x.series_uid = s.series_uid) AND (x.role = 'second'::text))) t ON (true))
     LEFT JOIN LATERAL ( SELECT x.id,
            x.series_uid,
            x.role,
            x.account,
            x.decision,
            x.tags,
            x.comment,
            x.signed_at,
            ARRAY( SELECT DISTINCT unnest(x.tags) AS unnest
                  ORDER BY (unnest(x.tags))) AS sorted_tags
           FROM curation.sign_off x
          WHERE ((x.series_uid = s.series_uid) AND (x.role = 'adjudicator'::text))) a ON (true));

COMMENT ON VIEW curation.outcome IS 'Consensus is derived, never stored: both agree (decision and tags), or an adjudicator settled it.';

ALTER TABLE curation.sign_off ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME curation.sign_off_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE curation.worklist (
    series_uid text NOT NULL,
    run_key text NOT NULL,
    claimed_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE experiment.case_result (
    run_id bigint NOT NULL,
    arm text NOT NULL,
    series_uid text NOT NULL,
    name text NOT NULL,
    value double precision,
    truth double precision
);

CREATE TABLE experiment.cohort (
    id bigint NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    english text NOT NULL,
    criteria jsonb NOT NULL,
    criteria_sha256 text NOT NULL,
    catalog_version bigint NOT NULL,
    cohort_sha256 text NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility DEFAULT 'private'::access.visibility NOT NULL,
    frozen_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    "grouping" jsonb,
    CONSTRAINT cohort_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT cohort_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT cohort_version_check CHECK ((version > 0))
);

COMMENT ON COLUMN experiment.cohort."grouping" IS 'The rule that its time points were made by (research.timepoints).';

CREATE TABLE experiment.cohort_attrition (
    cohort_id bigint NOT NULL,
    rule_no integer NOT NULL,
    rule_text text NOT NULL,
    series_count integer NOT NULL,
    patient_count integer NOT NULL
);

ALTER TABLE experiment.cohort ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME experiment.cohort_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE experiment.cohort_lesion (
    cohort_id bigint NOT NULL,
    series_uid text NOT NULL,
    tracking_uid text NOT NULL,
    tracking_id text
);

COMMENT ON TABLE experiment.cohort_lesion IS 'Lesions followed over time: Tracking UID (0062,0021) and Tracking ID (0062,0020), or the SR items 112040 and 112039 (DCM).';

CREATE TABLE experiment.cohort_member (
    cohort_id bigint NOT NULL,
    series_uid text NOT NULL,
    study_uid text NOT NULL,
    patient_alias text NOT NULL,
    manifest_sha256 text NOT NULL,
    state text DEFAULT 'released'::text NOT NULL,
    CONSTRAINT cohort_member_state_check CHECK ((state = ANY (ARRAY['released'::text, 'listed'::text])))
);

COMMENT ON COLUMN experiment.cohort_member.manifest_sha256 IS 'Hash of its files; listed:<number> for a listed series, the hash of its entry in the index.';

CREATE TABLE experiment.cohort_timepoint (
    cohort_id bigint NOT NULL,
    series_uid text NOT NULL,
    timepoint integer NOT NULL,
    label text NOT NULL,
    days_from_baseline integer NOT NULL,
    CONSTRAINT cohort_timepoint_label_check CHECK ((label <> ''::text))
);

COMMENT ON TABLE experiment.cohort_timepoint IS 'Number of the time point of a member: 0 is the baseline, 1 and on are follow-ups, below 0 is before. Members without a row have no date, or lie in no window.';

CREATE TABLE experiment.comparison (
    run_id bigint NOT NULL,
    arm_a text NOT NULL,
    arm_b text NOT NULL,
    metric text NOT NULL,
    difference double precision,
    lower double precision,
    upper double precision,
    level double precision DEFAULT 0.95 NOT NULL,
    p_value double precision,
    p_adjusted double precision,
    method text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    n integer NOT NULL
);

CREATE TABLE experiment.metric (
    run_id bigint NOT NULL,
    arm text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    is_primary boolean NOT NULL,
    estimate double precision,
    lower double precision,
    upper double precision,
    level double precision DEFAULT 0.95 NOT NULL,
    interval_method text NOT NULL,
    n_total integer NOT NULL,
    n_ok integer NOT NULL,
    n_patients integer DEFAULT 0 NOT NULL,
    unit text NOT NULL,
    better text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT metric_better_check CHECK ((better = ANY (ARRAY['lower'::text, 'higher'::text, 'zero'::text])))
);

CREATE TABLE experiment.run (
    id bigint NOT NULL,
    spec_id bigint NOT NULL,
    cohort_id bigint NOT NULL,
    dag_id text NOT NULL,
    dag_run_id text NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    reason text,
    owner text NOT NULL,
    team text,
    visibility access.visibility DEFAULT 'private'::access.visibility NOT NULL,
    runtime text NOT NULL,
    runtime_reason text NOT NULL,
    code_version text NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    case_count integer NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT run_check CHECK (((state = 'running'::text) = (ended_at IS NULL))),
    CONSTRAINT run_check1 CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT run_state_check CHECK ((state = ANY (ARRAY['running'::text, 'success'::text, 'partial'::text, 'failed'::text])))
);

CREATE TABLE experiment.spec (
    id bigint NOT NULL,
    name text NOT NULL,
    title text NOT NULL,
    spec jsonb NOT NULL,
    spec_sha256 text NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility DEFAULT 'private'::access.visibility NOT NULL,
    registered_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT spec_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT spec_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_]{0,62}$'::text))
);

COMMENT ON COLUMN experiment.spec.revision IS 'The experiment.revision this text became visible with.';

CREATE VIEW experiment.leaderboard WITH (security_invoker='true') AS
 WITH latest AS (
         SELECT DISTINCT ON (c.name, c.version, s.name, m.arm) c.name AS cohort,
            c.version AS cohort_version,
            c.cohort_sha256,
            s.name AS experiment,
            m.arm,
            m.name AS metric,
            m.unit,
            m.better,
            m.estimate,
            m.lower,
            m.upper,
            m.level,
            m.interval_method,
            m.n_ok,
            m.n_total,
            r.id AS run_id,
            r.dag_id,
            r.dag_run_id,
            r.owner,
            r.ended_at,
            md5((((s.spec -> 'metrics'::text))::text || ((s.spec -> 'truth'::text))::text)) AS metric_set
           FROM (((experiment.run r
             JOIN experiment.spec s ON ((s.id = r.spec_id)))
             JOIN experiment.cohort c ON ((c.id = r.cohort_id)))
             JOIN experiment.metric m ON (((m.run_id = r.id) AND m.is_primary)))
          WHERE (r.state = ANY (ARRAY['success'::text, 'partial'::text]))
          ORDER BY c.name, c.version, s.name, m.arm, r.id DESC
        ), ranked AS (
         SELECT latest.cohort,
            latest.cohort_version,
            latest.cohort_sha256,
            latest.experiment,
            latest.arm,
            latest.metric,
            latest.unit,
            latest.better,
            latest.estimate,
            latest.lower,
            latest.upper,
            latest.level,
            latest.interval_method,
            latest.n_ok,
            latest.n_total,
            latest.run_id,
            latest.dag_id,
            latest.dag_run_id,
            latest.owner,
            latest.ended_at,
            latest.metric_set,
            rank() OVER (PARTITION BY latest.cohort_sha256, latest.metric_set, latest.metric ORDER BY ((latest.n_ok)::double precision / (NULLIF(latest.n_total, 0))::double precision) DESC NULLS LAST,
                CASE latest.better
                    WHEN 'higher'::text THEN (- latest.estimate)
                    WHEN 'zero'::text THEN abs(latest.estimate)
                    ELSE latest.estimate
                END) AS place
           FROM latest
        )
 SELECT cohort,
    cohort_version,
    cohort_sha256,
    experiment,
    arm,
    metric,
    unit,
    better,
    estimate,
    lower,
    upper,
    level,
    interval_method,
    n_ok,
    n_total,
    run_id,
    dag_id,
    dag_run_id,
    owner,
    ended_at,
    metric_set,
    place,
    ((first_value(upper) OVER board >= lower) AND (first_value(lower) OVER board <= upper)) AS ties_with_first
   FROM ranked
  WINDOW board AS (PARTITION BY cohort_sha256, metric_set, metric ORDER BY place);

COMMENT ON VIEW experiment.leaderboard IS 'Latest run of each arm, ranked within one frozen cohort and one metric set only; an arm with missing predictions ranks below a whole one.';

CREATE TABLE experiment.picture (
    run_id bigint NOT NULL,
    name text NOT NULL,
    title text NOT NULL,
    media_type text NOT NULL,
    uri text NOT NULL,
    sha256 text NOT NULL,
    series_uid text
);

CREATE TABLE experiment.revision (
    id bigint NOT NULL,
    change text NOT NULL,
    name text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE experiment.revision ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME experiment.revision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE experiment.run_algorithm (
    run_id bigint NOT NULL,
    arm text NOT NULL,
    step text NOT NULL,
    algorithm text NOT NULL,
    digest text NOT NULL
);

COMMENT ON COLUMN experiment.run_algorithm.arm IS 'Empty for steps that all arms share.';

ALTER TABLE experiment.run ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME experiment.run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE experiment.spec ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME experiment.spec_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE experiment.step_run (
    run_id bigint NOT NULL,
    arm text NOT NULL,
    step text NOT NULL,
    series_uid text NOT NULL,
    status text NOT NULL,
    reason_code text,
    reason text,
    fingerprint text,
    reused boolean DEFAULT false NOT NULL,
    runtime text,
    digest text,
    exit_code integer,
    duration_s double precision,
    peak_memory_mb double precision,
    inputs jsonb DEFAULT '{}'::jsonb NOT NULL,
    outputs jsonb DEFAULT '{}'::jsonb NOT NULL,
    uri text,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT step_run_check CHECK (((status = 'ok'::text) = (reason_code IS NULL))),
    CONSTRAINT step_run_status_check CHECK ((status = ANY (ARRAY['ok'::text, 'failed'::text, 'skipped'::text])))
);

CREATE TABLE landing.clinical_followed (
    source text NOT NULL,
    collection text NOT NULL,
    kinds text DEFAULT ''::text NOT NULL,
    group_id text DEFAULT ''::text NOT NULL,
    since timestamp with time zone,
    bulk boolean DEFAULT false NOT NULL,
    release boolean DEFAULT false NOT NULL,
    licence text,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    followed_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN landing.clinical_followed.since IS 'The server''s time when the last complete fetch began.';

CREATE TABLE landing.clinical_record (
    received_id bigint NOT NULL,
    sha256 text NOT NULL,
    record jsonb NOT NULL
);

COMMENT ON TABLE landing.clinical_record IS 'sha256 is that of the original it was made of: a newer original makes it stale.';

CREATE TABLE landing.followed (
    source text NOT NULL,
    collection text NOT NULL,
    modality text DEFAULT ''::text NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility NOT NULL,
    followed_at timestamp with time zone DEFAULT now() NOT NULL,
    fallback text DEFAULT ''::text NOT NULL,
    synced_on date
);

COMMENT ON COLUMN landing.followed.synced_on IS 'Day of the last complete list; the next one asks for what is newer.';

ALTER TABLE landing.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME landing.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE landing.received_clinical (
    id bigint NOT NULL,
    run_id bigint NOT NULL,
    source text NOT NULL,
    collection text NOT NULL,
    format text NOT NULL,
    kind text NOT NULL,
    resource_key text NOT NULL,
    patient_key text,
    sha256 text NOT NULL,
    uri text NOT NULL,
    "position" bigint NOT NULL,
    byte_count integer NOT NULL,
    state text DEFAULT 'received'::text NOT NULL,
    reason_code text,
    reason text,
    instruction text,
    owner text NOT NULL,
    team text,
    visibility access.visibility DEFAULT 'private'::access.visibility NOT NULL,
    release boolean DEFAULT false NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT received_clinical_byte_count_check CHECK ((byte_count > 0)),
    CONSTRAINT received_clinical_check CHECK (((visibility <> 'team'::access.visibility) OR (team IS NOT NULL))),
    CONSTRAINT received_clinical_check1 CHECK (((state = ANY (ARRAY['passed_over'::text, 'quarantined'::text])) = (reason_code IS NOT NULL))),
    CONSTRAINT received_clinical_format_check CHECK ((format = ANY (ARRAY['fhir'::text, 'hl7'::text, 'csv'::text]))),
    CONSTRAINT received_clinical_kind_check CHECK ((kind = ANY (ARRAY['patient'::text, 'imaging_study'::text, 'report'::text, 'observation'::text, 'condition'::text, 'message'::text]))),
    CONSTRAINT received_clinical_patient_key_check CHECK ((patient_key ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT received_clinical_position_check CHECK (("position" >= 0)),
    CONSTRAINT received_clinical_resource_key_check CHECK ((resource_key ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT received_clinical_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT received_clinical_state_check CHECK ((state = ANY (ARRAY['received'::text, 'deidentified'::text, 'passed_over'::text, 'quarantined'::text])))
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02');

COMMENT ON TABLE landing.received_clinical IS 'One row per resource; tasks, logs and XCom name it by id. Its keys are hashes of the ids that its source gave.';

COMMENT ON COLUMN landing.received_clinical.patient_key IS 'resource_key of its Patient.';

COMMENT ON COLUMN landing.received_clinical."position" IS 'Where it begins in its file, in bytes; byte_count is its length.';

COMMENT ON COLUMN landing.received_clinical.release IS 'Whether its report is released without a person''s look.';

ALTER TABLE landing.received_clinical ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME landing.received_clinical_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE landing.received_object (
    series_id bigint NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    byte_count bigint NOT NULL,
    CONSTRAINT received_object_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);

ALTER TABLE landing.received_series ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME landing.received_series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE landing.truth (
    source text NOT NULL,
    collection text NOT NULL,
    series_uid text NOT NULL,
    name text NOT NULL,
    value double precision NOT NULL,
    origin text NOT NULL
);

CREATE TABLE phi.patient (
    project text NOT NULL,
    patient_alias text NOT NULL,
    patient_id text NOT NULL,
    issuer_of_patient_id text DEFAULT ''::text NOT NULL,
    patient_name text,
    patient_birth_date text,
    days_offset integer NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    key_id text
);

COMMENT ON COLUMN phi.patient.days_offset IS 'Days added to every date of this patient.';

COMMENT ON COLUMN phi.patient.key_id IS 'The key that the alias was made under; null where no key was recorded at that time.';

CREATE TABLE phi.project_key (
    project text NOT NULL,
    epoch integer NOT NULL,
    key_id text NOT NULL,
    request_id bigint,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT later_keys_are_asked_for CHECK (((epoch = 1) = (request_id IS NULL))),
    CONSTRAINT project_key_epoch_check CHECK ((epoch > 0)),
    CONSTRAINT project_key_key_id_check CHECK ((key_id ~ '^[0-9a-f]{16}$'::text)),
    CONSTRAINT project_key_project_check CHECK ((project <> ''::text))
);

COMMENT ON TABLE phi.project_key IS 'Which key a project is de-identified under, by its id (never the key itself); the highest epoch counts.';

COMMENT ON COLUMN phi.project_key.key_id IS 'First 16 hexadecimal digits of an HMAC under the key (deid.keys).';

CREATE TABLE phi.uid (
    project text NOT NULL,
    level text NOT NULL,
    new_uid text NOT NULL,
    original_uid text NOT NULL,
    patient_alias text NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    key_id text,
    CONSTRAINT uid_level_check CHECK ((level = ANY (ARRAY['study'::text, 'series'::text, 'instance'::text])))
);

CREATE TABLE registry.algorithm (
    name text NOT NULL,
    title text NOT NULL,
    summary text NOT NULL,
    owner text NOT NULL,
    team text,
    visibility access.visibility DEFAULT 'private'::access.visibility NOT NULL,
    registered_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE registry.algorithm_version (
    name text NOT NULL,
    digest text NOT NULL,
    version text NOT NULL,
    descriptor jsonb NOT NULL,
    registered_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON COLUMN registry.algorithm_version.digest IS 'Image id under docker, sha256 of the source tree under the process runtime.';

CREATE TABLE registry.socket (
    slug text NOT NULL,
    title text NOT NULL,
    kind text NOT NULL,
    super_kind text NOT NULL,
    relative_path text NOT NULL,
    schema jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT socket_super_kind_check CHECK ((super_kind = ANY (ARRAY['Image'::text, 'File'::text, 'Value'::text])))
);

ALTER TABLE upload.file ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME upload.file_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE upload.notice (
    upload_id bigint NOT NULL,
    series_count integer NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE upload.notice IS 'Tells curators that series of an upload are held for them.';

CREATE TABLE upload.notice_seen (
    upload_id bigint NOT NULL,
    account text NOT NULL,
    series_count integer NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE upload.series (
    received_id bigint NOT NULL,
    upload_id bigint NOT NULL,
    number integer NOT NULL,
    patient_number integer NOT NULL,
    modality text,
    image_count integer NOT NULL,
    byte_count bigint NOT NULL,
    stage text DEFAULT 'received'::text NOT NULL,
    reason_code text,
    reason text,
    research_series_uid text,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT series_image_count_check CHECK ((image_count > 0)),
    CONSTRAINT series_number_check CHECK ((number > 0)),
    CONSTRAINT series_patient_number_check CHECK ((patient_number > 0)),
    CONSTRAINT series_stage_check CHECK ((stage = ANY (ARRAY['received'::text, 'held'::text, 'released'::text, 'rejected'::text, 'quarantined'::text])))
);

COMMENT ON TABLE upload.series IS 'Series of an upload by their number in it, and how far each has come. Triggers keep it.';

ALTER TABLE upload.upload ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME upload.upload_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE upload.verdict (
    id bigint NOT NULL,
    upload_id bigint NOT NULL,
    file_number integer NOT NULL,
    name text,
    code text NOT NULL,
    series_number integer,
    reason text
);

COMMENT ON TABLE upload.verdict IS 'What became of each file; one row per entry for what came in a zip.';

ALTER TABLE upload.verdict ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME upload.verdict_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY access.acceptance
    ADD CONSTRAINT acceptance_pkey PRIMARY KEY (account, agreement_id);

ALTER TABLE ONLY access.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name);

ALTER TABLE ONLY access.account_role
    ADD CONSTRAINT account_role_pkey PRIMARY KEY (account, role);

ALTER TABLE ONLY access.agreement
    ADD CONSTRAINT agreement_name_version_key UNIQUE (name, version);

ALTER TABLE ONLY access.agreement
    ADD CONSTRAINT agreement_pkey PRIMARY KEY (id);

ALTER TABLE ONLY access.decision
    ADD CONSTRAINT decision_pkey PRIMARY KEY (request_id);

ALTER TABLE ONLY access.membership
    ADD CONSTRAINT membership_pkey PRIMARY KEY (team, account);

ALTER TABLE ONLY access.offer
    ADD CONSTRAINT offer_pkey PRIMARY KEY (team);

ALTER TABLE ONLY access.request
    ADD CONSTRAINT request_id_account_key UNIQUE (id, account);

ALTER TABLE ONLY access.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY access.team
    ADD CONSTRAINT team_pkey PRIMARY KEY (name);

ALTER TABLE ONLY audit.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY broker.decision
    ADD CONSTRAINT decision_pkey PRIMARY KEY (request_id);

ALTER TABLE ONLY broker.disclosure
    ADD CONSTRAINT disclosure_pkey PRIMARY KEY (id);

ALTER TABLE ONLY broker.request
    ADD CONSTRAINT request_dag_run_key UNIQUE (dag_run);

ALTER TABLE ONLY broker.request
    ADD CONSTRAINT request_id_requester_key UNIQUE (id, requester);

ALTER TABLE ONLY broker.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.body_part_code
    ADD CONSTRAINT body_part_code_pkey PRIMARY KEY (value);

ALTER TABLE ONLY catalog.clinical_run
    ADD CONSTRAINT clinical_run_dag_id_run_id_task_id_part_source_kind_key UNIQUE (dag_id, run_id, task_id, part, source_kind);

ALTER TABLE ONLY catalog.clinical_run
    ADD CONSTRAINT clinical_run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.collection
    ADD CONSTRAINT collection_pkey PRIMARY KEY (name);

ALTER TABLE ONLY catalog.condition
    ADD CONSTRAINT condition_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.deid_batch
    ADD CONSTRAINT deid_batch_name_key UNIQUE (name);

ALTER TABLE ONLY catalog.deid_batch
    ADD CONSTRAINT deid_batch_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.deid_item
    ADD CONSTRAINT deid_item_pkey PRIMARY KEY (batch_id, received_id);

ALTER TABLE ONLY catalog.deid_outcome
    ADD CONSTRAINT deid_outcome_pkey PRIMARY KEY (batch_id, received_id);

ALTER TABLE ONLY catalog.deid_outcome
    ADD CONSTRAINT deid_outcome_report_id_key UNIQUE (report_id);

ALTER TABLE ONLY catalog.deid_picture
    ADD CONSTRAINT deid_picture_pkey PRIMARY KEY (report_id, name);

ALTER TABLE ONLY catalog.deid_report
    ADD CONSTRAINT deid_report_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.description
    ADD CONSTRAINT description_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.facet_members
    ADD CONSTRAINT facet_members_pkey PRIMARY KEY (facet_id, kind, chunk);

ALTER TABLE ONLY catalog.facet
    ADD CONSTRAINT facet_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.facet
    ADD CONSTRAINT facet_share_id_modality_body_part_sex_age_band_manufacturer_key UNIQUE (share_id, modality, body_part, sex, age_band, manufacturer, licence, analysis_result);

ALTER TABLE ONLY catalog.fetch_run
    ADD CONSTRAINT fetch_run_dag_id_run_id_task_id_part_key UNIQUE (dag_id, run_id, task_id, part);

ALTER TABLE ONLY catalog.fetch_run
    ADD CONSTRAINT fetch_run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.fetched_series
    ADD CONSTRAINT fetched_series_pkey PRIMARY KEY (received_id);

ALTER TABLE ONLY catalog.finding
    ADD CONSTRAINT finding_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.instance
    ADD CONSTRAINT instance_pkey PRIMARY KEY (sop_uid);

ALTER TABLE ONLY catalog.licence_name
    ADD CONSTRAINT licence_name_pkey PRIMARY KEY (value);

ALTER TABLE ONLY catalog.listing
    ADD CONSTRAINT listing_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.manufacturer_name
    ADD CONSTRAINT manufacturer_name_pkey PRIMARY KEY (value);

ALTER TABLE ONLY catalog.modality_code
    ADD CONSTRAINT modality_code_pkey PRIMARY KEY (value);

ALTER TABLE ONLY catalog.observation
    ADD CONSTRAINT observation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.patient
    ADD CONSTRAINT patient_patient_no_key UNIQUE (patient_no);

ALTER TABLE ONLY catalog.patient
    ADD CONSTRAINT patient_pkey PRIMARY KEY (collection, patient_alias);

ALTER TABLE ONLY catalog.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY catalog.report
    ADD CONSTRAINT report_pkey PRIMARY KEY (report_id);

ALTER TABLE ONLY catalog.revision
    ADD CONSTRAINT revision_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (series_uid);

ALTER TABLE ONLY catalog.share
    ADD CONSTRAINT share_collection_owner_team_visibility_state_key UNIQUE NULLS NOT DISTINCT (collection, owner, team, visibility, state);

ALTER TABLE ONLY catalog.share
    ADD CONSTRAINT share_pkey PRIMARY KEY (id);

ALTER TABLE ONLY catalog.study_facet
    ADD CONSTRAINT study_facet_pkey PRIMARY KEY (study_no, facet_id, patient_no);

ALTER TABLE ONLY catalog.study
    ADD CONSTRAINT study_pkey PRIMARY KEY (study_uid);

ALTER TABLE ONLY catalog.study
    ADD CONSTRAINT study_study_no_key UNIQUE (study_no);

ALTER TABLE ONLY catalog.tag
    ADD CONSTRAINT tag_pkey PRIMARY KEY (series_uid, scheme, code);

ALTER TABLE ONLY catalog.truth
    ADD CONSTRAINT truth_pkey PRIMARY KEY (series_uid, name);

ALTER TABLE ONLY curation.sign_off
    ADD CONSTRAINT one_answer_per_role UNIQUE (series_uid, role);

ALTER TABLE ONLY curation.sign_off
    ADD CONSTRAINT sign_off_pkey PRIMARY KEY (id);

ALTER TABLE ONLY curation.sign_off
    ADD CONSTRAINT two_person_rule UNIQUE (series_uid, account);

COMMENT ON CONSTRAINT two_person_rule ON curation.sign_off IS 'Nobody signs the same series twice, in whatever role.';

ALTER TABLE ONLY curation.worklist
    ADD CONSTRAINT worklist_pkey PRIMARY KEY (series_uid);

ALTER TABLE ONLY experiment.case_result
    ADD CONSTRAINT case_result_pkey PRIMARY KEY (run_id, arm, series_uid, name);

ALTER TABLE ONLY experiment.cohort_attrition
    ADD CONSTRAINT cohort_attrition_pkey PRIMARY KEY (cohort_id, rule_no);

ALTER TABLE ONLY experiment.cohort_lesion
    ADD CONSTRAINT cohort_lesion_pkey PRIMARY KEY (cohort_id, series_uid, tracking_uid);

ALTER TABLE ONLY experiment.cohort_member
    ADD CONSTRAINT cohort_member_pkey PRIMARY KEY (cohort_id, series_uid);

ALTER TABLE ONLY experiment.cohort
    ADD CONSTRAINT cohort_name_cohort_sha256_key UNIQUE (name, cohort_sha256);

ALTER TABLE ONLY experiment.cohort
    ADD CONSTRAINT cohort_name_version_key UNIQUE (name, version);

ALTER TABLE ONLY experiment.cohort
    ADD CONSTRAINT cohort_pkey PRIMARY KEY (id);

ALTER TABLE ONLY experiment.cohort_timepoint
    ADD CONSTRAINT cohort_timepoint_pkey PRIMARY KEY (cohort_id, series_uid);

ALTER TABLE ONLY experiment.comparison
    ADD CONSTRAINT comparison_pkey PRIMARY KEY (run_id, arm_a, arm_b, metric);

ALTER TABLE ONLY experiment.metric
    ADD CONSTRAINT metric_pkey PRIMARY KEY (run_id, arm, name);

ALTER TABLE ONLY experiment.picture
    ADD CONSTRAINT picture_pkey PRIMARY KEY (run_id, name);

ALTER TABLE ONLY experiment.revision
    ADD CONSTRAINT revision_pkey PRIMARY KEY (id);

ALTER TABLE ONLY experiment.run_algorithm
    ADD CONSTRAINT run_algorithm_pkey PRIMARY KEY (run_id, arm, step);

ALTER TABLE ONLY experiment.run
    ADD CONSTRAINT run_dag_id_dag_run_id_key UNIQUE (dag_id, dag_run_id);

ALTER TABLE ONLY experiment.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY experiment.spec
    ADD CONSTRAINT spec_name_spec_sha256_key UNIQUE (name, spec_sha256);

ALTER TABLE ONLY experiment.spec
    ADD CONSTRAINT spec_pkey PRIMARY KEY (id);

ALTER TABLE ONLY experiment.step_run
    ADD CONSTRAINT step_run_pkey PRIMARY KEY (run_id, arm, step, series_uid);

ALTER TABLE ONLY landing.clinical_followed
    ADD CONSTRAINT clinical_followed_pkey PRIMARY KEY (source, collection);

ALTER TABLE ONLY landing.clinical_record
    ADD CONSTRAINT clinical_record_pkey PRIMARY KEY (received_id);

ALTER TABLE ONLY landing.followed
    ADD CONSTRAINT followed_pkey PRIMARY KEY (source, collection, modality);

ALTER TABLE ONLY landing.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY landing.quarantine
    ADD CONSTRAINT quarantine_series_id_stage_reason_code_key UNIQUE (series_id, stage, reason_code);

ALTER TABLE ONLY landing.received_clinical
    ADD CONSTRAINT received_clinical_pkey PRIMARY KEY (id);

ALTER TABLE ONLY landing.received_clinical
    ADD CONSTRAINT received_clinical_source_collection_resource_key_key UNIQUE (source, collection, resource_key);

ALTER TABLE ONLY landing.received_object
    ADD CONSTRAINT received_object_pkey PRIMARY KEY (series_id, name);

ALTER TABLE ONLY landing.received_series
    ADD CONSTRAINT received_series_pkey PRIMARY KEY (id);

ALTER TABLE ONLY landing.received_series
    ADD CONSTRAINT received_series_source_collection_series_uid_key UNIQUE (source, collection, series_uid);

ALTER TABLE ONLY landing.truth
    ADD CONSTRAINT truth_pkey PRIMARY KEY (source, collection, series_uid, name);

ALTER TABLE ONLY phi.patient
    ADD CONSTRAINT patient_pkey PRIMARY KEY (project, patient_alias, patient_id, issuer_of_patient_id);

ALTER TABLE ONLY phi.project_key
    ADD CONSTRAINT project_key_pkey PRIMARY KEY (project, epoch);

ALTER TABLE ONLY phi.uid
    ADD CONSTRAINT uid_pkey PRIMARY KEY (project, new_uid);

ALTER TABLE ONLY registry.algorithm
    ADD CONSTRAINT algorithm_pkey PRIMARY KEY (name);

ALTER TABLE ONLY registry.algorithm_version
    ADD CONSTRAINT algorithm_version_pkey PRIMARY KEY (name, digest);

ALTER TABLE ONLY registry.socket
    ADD CONSTRAINT socket_pkey PRIMARY KEY (slug);

ALTER TABLE ONLY registry.socket
    ADD CONSTRAINT socket_relative_path_key UNIQUE (relative_path);

ALTER TABLE ONLY upload.file
    ADD CONSTRAINT file_pkey PRIMARY KEY (id);

ALTER TABLE ONLY upload.file
    ADD CONSTRAINT file_upload_id_number_key UNIQUE (upload_id, number);

ALTER TABLE ONLY upload.notice
    ADD CONSTRAINT notice_pkey PRIMARY KEY (upload_id);

ALTER TABLE ONLY upload.notice_seen
    ADD CONSTRAINT notice_seen_pkey PRIMARY KEY (upload_id, account);

ALTER TABLE ONLY upload.quota
    ADD CONSTRAINT quota_pkey PRIMARY KEY (account);

ALTER TABLE ONLY upload.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (received_id);

ALTER TABLE ONLY upload.series
    ADD CONSTRAINT series_upload_id_number_key UNIQUE (upload_id, number);

ALTER TABLE ONLY upload.upload
    ADD CONSTRAINT upload_pkey PRIMARY KEY (id);

ALTER TABLE ONLY upload.verdict
    ADD CONSTRAINT verdict_pkey PRIMARY KEY (id);

CREATE INDEX request_account ON access.request USING btree (account);

CREATE INDEX disclosure_request ON broker.disclosure USING btree (request_id);

CREATE INDEX condition_code ON catalog.condition USING btree (scheme, code, clinical_status) INCLUDE (collection, patient_alias, onset_on, abated_on);

CREATE INDEX condition_patient ON catalog.condition USING btree (collection, patient_alias, scheme, code, onset_on);

CREATE INDEX condition_received ON catalog.condition USING btree (received_id);

CREATE INDEX deid_outcome_received ON catalog.deid_outcome USING btree (received_id);

CREATE INDEX deid_outcome_waits ON catalog.deid_outcome USING btree (created_at, report_id) WHERE waits;

CREATE INDEX deid_report_item ON catalog.deid_report USING btree (batch_id, received_id, id);

CREATE INDEX deid_report_quarantine ON catalog.deid_report USING btree (created_at, id) WHERE (kind = 'quarantine'::text);

CREATE INDEX deid_report_received ON catalog.deid_report USING btree (received_id, id);

CREATE INDEX deid_report_series ON catalog.deid_report USING btree (series_uid);

CREATE UNIQUE INDEX description_pair ON catalog.description USING btree (md5(study_description), md5(series_description));

CREATE INDEX description_words ON catalog.description USING gin (words);

CREATE INDEX facet_collection ON catalog.facet USING btree (collection);

CREATE INDEX fetched_series_collection ON catalog.fetched_series USING btree (source, collection, state);

CREATE INDEX fetched_series_run ON catalog.fetched_series USING btree (fetch_run_id);

CREATE INDEX finding_code ON catalog.finding USING btree (scheme, code, status) INCLUDE (collection, patient_alias, found_on);

CREATE INDEX finding_patient ON catalog.finding USING btree (collection, patient_alias, finding, status, found_on);

CREATE INDEX finding_received ON catalog.finding USING btree (received_id);

CREATE INDEX finding_report ON catalog.finding USING btree (report_id);

CREATE INDEX finding_study ON catalog.finding USING btree (study_uid, finding, status) WHERE (study_uid IS NOT NULL);

CREATE INDEX finding_what ON catalog.finding USING btree (finding, status) INCLUDE (collection, patient_alias, found_on, study_uid);

CREATE INDEX instance_series ON catalog.instance USING btree (series_uid);

CREATE INDEX observation_code ON catalog.observation USING btree (scheme, code, observed_on) INCLUDE (collection, patient_alias, value, unit);

CREATE INDEX observation_patient ON catalog.observation USING btree (collection, patient_alias, scheme, code, observed_on) INCLUDE (value, unit);

CREATE INDEX observation_received ON catalog.observation USING btree (received_id);

CREATE INDEX report_held ON catalog.report USING btree (catalogued_at) WHERE (state = 'held'::text);

CREATE INDEX report_patient ON catalog.report USING btree (collection, patient_alias, report_date);

CREATE INDEX report_received ON catalog.report USING btree (received_id);

CREATE INDEX report_study ON catalog.report USING btree (study_uid) WHERE (study_uid IS NOT NULL);

CREATE INDEX report_unlinked ON catalog.report USING btree (collection, patient_alias) WHERE (study_uid IS NULL);

CREATE INDEX report_words ON catalog.report USING gin (words);

CREATE INDEX series_description ON catalog.series USING btree (description_id) INCLUDE (facet_id, study_no, patient_no, share_id, image_count, byte_count);

CREATE INDEX series_facet ON catalog.series USING btree (facet_id, study_no) INCLUDE (patient_no, share_id, description_id, image_count, byte_count, study_date, patient_age_years, slice_thickness_mm, kvp, exposure_mas, convolution_kernel);

CREATE INDEX series_patient ON catalog.series USING btree (collection, patient_alias);

CREATE INDEX series_policy ON catalog.series USING btree (policy_sha256) WHERE (policy_sha256 IS NOT NULL);

CREATE INDEX series_study ON catalog.series USING btree (study_uid);

CREATE INDEX series_study_no ON catalog.series USING btree (study_no);

CREATE INDEX series_timeline ON catalog.series USING btree (patient_no, study_date) INCLUDE (facet_id, study_no, share_id);

CREATE INDEX series_waiting ON catalog.series USING btree (state) WHERE (state = ANY (ARRAY['held'::text, 'rejected'::text]));

CREATE INDEX study_body_parts ON catalog.study USING gin (body_parts);

CREATE INDEX study_by_date ON catalog.study USING btree (COALESCE(study_date, '0001-01-01'::date), study_no);

CREATE INDEX study_by_images ON catalog.study USING btree (image_count, study_no);

CREATE INDEX study_by_patient ON catalog.study USING btree (collection, patient_alias, study_no);

CREATE INDEX study_facet_facet ON catalog.study_facet USING btree (facet_id, study_no) INCLUDE (patient_no, share_id);

CREATE INDEX study_facet_facet_patient ON catalog.study_facet USING btree (facet_id, patient_no);

CREATE INDEX study_facet_patient ON catalog.study_facet USING btree (patient_no) INCLUDE (share_id);

CREATE INDEX study_modalities ON catalog.study USING gin (modalities);

CREATE INDEX tag_code ON catalog.tag USING btree (scheme, code);

CREATE INDEX cohort_lesion_uid ON experiment.cohort_lesion USING btree (cohort_id, tracking_uid);

CREATE INDEX cohort_member_series ON experiment.cohort_member USING btree (series_uid);

CREATE INDEX step_run_fingerprint ON experiment.step_run USING btree (fingerprint) WHERE (status = 'ok'::text);

CREATE INDEX received_clinical_patient ON landing.received_clinical USING btree (patient_key) WHERE (patient_key IS NOT NULL);

CREATE INDEX received_clinical_run ON landing.received_clinical USING btree (run_id, kind, state);

CREATE INDEX received_clinical_waiting ON landing.received_clinical USING btree (id) WHERE (state = 'received'::text);

CREATE INDEX received_series_state ON landing.received_series USING btree (state);

CREATE INDEX series_research ON upload.series USING btree (research_series_uid);

CREATE INDEX upload_owner ON upload.upload USING btree (owner, id DESC);

CREATE INDEX upload_waiting ON upload.upload USING btree (state) WHERE (state = ANY (ARRAY['open'::text, 'received'::text]));

CREATE INDEX verdict_upload ON upload.verdict USING btree (upload_id, id);

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON access.acceptance FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON access.agreement FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON access.decision FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON access.request FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER audit_role AFTER INSERT OR DELETE OR UPDATE ON access.account_role FOR EACH ROW EXECUTE FUNCTION broker.audit_role();

CREATE TRIGGER guard_acceptance BEFORE INSERT ON access.acceptance FOR EACH ROW EXECUTE FUNCTION access.guard_acceptance();

CREATE TRIGGER guard_decision BEFORE INSERT ON access.decision FOR EACH ROW EXECUTE FUNCTION access.guard_decision();

CREATE TRIGGER guard_request BEFORE INSERT ON access.request FOR EACH ROW EXECUTE FUNCTION access.guard_request();

CREATE TRIGGER note_request AFTER INSERT ON access.request FOR EACH ROW EXECUTE FUNCTION access.note_request();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON audit.event FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER chain BEFORE INSERT ON audit.event FOR EACH ROW EXECUTE FUNCTION audit.chain();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON broker.decision FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON broker.disclosure FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON broker.request FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER audit_decision AFTER INSERT ON broker.decision FOR EACH ROW EXECUTE FUNCTION broker.audit_decision();

CREATE TRIGGER audit_disclosure AFTER INSERT ON broker.disclosure FOR EACH ROW EXECUTE FUNCTION broker.audit_disclosure();

CREATE TRIGGER audit_request AFTER INSERT ON broker.request FOR EACH ROW EXECUTE FUNCTION broker.audit_request();

CREATE TRIGGER guard_decision BEFORE INSERT ON broker.decision FOR EACH ROW EXECUTE FUNCTION broker.guard_decision();

CREATE TRIGGER guard_disclosure BEFORE INSERT ON broker.disclosure FOR EACH ROW EXECUTE FUNCTION broker.guard_disclosure();

CREATE TRIGGER guard_request BEFORE INSERT ON broker.request FOR EACH ROW EXECUTE FUNCTION broker.guard_request();

CREATE TRIGGER take_effect AFTER INSERT ON broker.decision FOR EACH ROW EXECUTE FUNCTION broker.take_effect();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON catalog.deid_batch FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON catalog.deid_item FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON catalog.deid_picture FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON catalog.deid_report FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON catalog.listing FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER count_added AFTER INSERT ON catalog.series REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION catalog.count_added();

CREATE TRIGGER count_gone AFTER DELETE ON catalog.series REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION catalog.count_gone();

CREATE TRIGGER count_moved AFTER UPDATE ON catalog.series REFERENCING OLD TABLE AS was_so NEW TABLE AS now_so FOR EACH STATEMENT EXECUTE FUNCTION catalog.count_moved();

CREATE TRIGGER deid_expect AFTER INSERT ON catalog.deid_item FOR EACH ROW EXECUTE FUNCTION catalog.deid_expect();

CREATE TRIGGER deid_note AFTER INSERT ON catalog.deid_report FOR EACH ROW EXECUTE FUNCTION catalog.deid_note();

CREATE TRIGGER file_series BEFORE INSERT ON catalog.series FOR EACH ROW WHEN ((new.share_id IS NULL)) EXECUTE FUNCTION catalog.file_series();

CREATE TRIGGER file_series_again BEFORE UPDATE ON catalog.series FOR EACH ROW WHEN (((new.facet_id IS NULL) OR (((old.state IS DISTINCT FROM new.state) OR (old.owner IS DISTINCT FROM new.owner)) OR (old.visibility IS DISTINCT FROM new.visibility)) OR (old.team IS DISTINCT FROM new.team))) EXECUTE FUNCTION catalog.file_series();

CREATE TRIGGER follow_upload AFTER UPDATE OF state ON catalog.series FOR EACH ROW WHEN ((new.state IS DISTINCT FROM old.state)) EXECUTE FUNCTION upload.follow_catalog();

CREATE TRIGGER guard_birth BEFORE INSERT ON catalog.series FOR EACH ROW WHEN ((new.state <> ALL (ARRAY['held'::text, 'listed'::text]))) EXECUTE FUNCTION curation.guard_birth();

CREATE TRIGGER guard_gone BEFORE DELETE ON catalog.series FOR EACH ROW WHEN ((old.state <> 'listed'::text)) EXECUTE FUNCTION catalog.guard_gone();

CREATE TRIGGER guard_release BEFORE UPDATE OF state ON catalog.series FOR EACH ROW EXECUTE FUNCTION curation.guard_release();

CREATE TRIGGER link_reports AFTER INSERT ON catalog.series FOR EACH ROW WHEN ((new.attributes ? 'AccessionNumber'::text)) EXECUTE FUNCTION catalog.link_reports();

CREATE TRIGGER settle_report BEFORE UPDATE OF state ON catalog.report FOR EACH ROW WHEN ((new.state IS DISTINCT FROM old.state)) EXECUTE FUNCTION catalog.settle_report();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON curation.sign_off FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER in_order BEFORE INSERT ON curation.sign_off FOR EACH ROW EXECUTE FUNCTION curation.in_order();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON experiment.cohort FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON experiment.cohort_attrition FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON experiment.cohort_lesion FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON experiment.cohort_member FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON experiment.cohort_timepoint FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON experiment.revision FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON experiment.spec FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER guard_frozen BEFORE INSERT ON experiment.cohort_attrition FOR EACH ROW EXECUTE FUNCTION experiment.guard_frozen();

CREATE TRIGGER guard_frozen BEFORE INSERT ON experiment.cohort_lesion FOR EACH ROW EXECUTE FUNCTION experiment.guard_frozen();

CREATE TRIGGER guard_frozen BEFORE INSERT ON experiment.cohort_member FOR EACH ROW EXECUTE FUNCTION experiment.guard_frozen();

CREATE TRIGGER guard_frozen BEFORE INSERT ON experiment.cohort_timepoint FOR EACH ROW EXECUTE FUNCTION experiment.guard_frozen();

CREATE TRIGGER guard_listed BEFORE INSERT ON experiment.run FOR EACH ROW EXECUTE FUNCTION experiment.guard_listed();

CREATE TRIGGER guard_member BEFORE INSERT ON experiment.cohort_member FOR EACH ROW EXECUTE FUNCTION experiment.guard_member();

CREATE TRIGGER guard_name BEFORE INSERT ON experiment.spec FOR EACH ROW EXECUTE FUNCTION experiment.guard_name();

CREATE TRIGGER guard_visibility BEFORE INSERT OR UPDATE ON experiment.run FOR EACH ROW EXECUTE FUNCTION experiment.guard_visibility();

CREATE TRIGGER take_revision BEFORE INSERT ON experiment.cohort FOR EACH ROW EXECUTE FUNCTION experiment.take_revision();

CREATE TRIGGER take_revision BEFORE INSERT ON experiment.spec FOR EACH ROW EXECUTE FUNCTION experiment.take_revision();

CREATE TRIGGER deid_decided AFTER INSERT OR UPDATE OF decided_at ON landing.quarantine FOR EACH ROW WHEN ((new.stage = 'deidentify'::text)) EXECUTE FUNCTION catalog.deid_decided();

CREATE TRIGGER follow_upload AFTER UPDATE OF state ON landing.received_series FOR EACH ROW WHEN (((new.source = 'upload'::text) AND (new.state IS DISTINCT FROM old.state))) EXECUTE FUNCTION upload.follow_landing();

CREATE TRIGGER tell_fetched AFTER INSERT OR UPDATE ON landing.received_series FOR EACH ROW EXECUTE FUNCTION landing.tell_fetched();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON phi.project_key FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER guard_key BEFORE INSERT ON phi.project_key FOR EACH ROW EXECUTE FUNCTION phi.guard_key();

CREATE TRIGGER stamp_key BEFORE INSERT ON phi.patient FOR EACH ROW EXECUTE FUNCTION phi.stamp_key();

CREATE TRIGGER stamp_key BEFORE INSERT ON phi.uid FOR EACH ROW EXECUTE FUNCTION phi.stamp_key();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON registry.algorithm_version FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();

CREATE TRIGGER guard_open BEFORE INSERT ON upload.upload FOR EACH ROW EXECUTE FUNCTION upload.guard_open();

CREATE TRIGGER guard_quota AFTER INSERT OR UPDATE OF byte_count ON upload.file FOR EACH STATEMENT EXECUTE FUNCTION upload.guard_quota();

CREATE TRIGGER guard_state BEFORE UPDATE OF state ON upload.upload FOR EACH ROW EXECUTE FUNCTION upload.guard_state();

CREATE TRIGGER tell_open AFTER INSERT ON upload.upload FOR EACH ROW EXECUTE FUNCTION upload.tell_open();

ALTER TABLE ONLY access.acceptance
    ADD CONSTRAINT acceptance_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY access.acceptance
    ADD CONSTRAINT acceptance_agreement_id_fkey FOREIGN KEY (agreement_id) REFERENCES access.agreement(id);

ALTER TABLE ONLY access.account_role
    ADD CONSTRAINT account_role_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY access.agreement
    ADD CONSTRAINT agreement_published_by_fkey FOREIGN KEY (published_by) REFERENCES access.account(name);

ALTER TABLE ONLY access.decision
    ADD CONSTRAINT decision_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY access.membership
    ADD CONSTRAINT membership_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY access.membership
    ADD CONSTRAINT membership_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY access.decision
    ADD CONSTRAINT of_that_request FOREIGN KEY (request_id, requester) REFERENCES access.request(id, account);

ALTER TABLE ONLY access.offer
    ADD CONSTRAINT offer_agreement_id_fkey FOREIGN KEY (agreement_id) REFERENCES access.agreement(id);

ALTER TABLE ONLY access.offer
    ADD CONSTRAINT offer_changed_by_fkey FOREIGN KEY (changed_by) REFERENCES access.account(name);

ALTER TABLE ONLY access.offer
    ADD CONSTRAINT offer_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY access.request
    ADD CONSTRAINT request_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY access.request
    ADD CONSTRAINT request_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY broker.decision
    ADD CONSTRAINT decision_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY broker.disclosure
    ADD CONSTRAINT disclosure_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY broker.disclosure
    ADD CONSTRAINT disclosure_request_id_fkey FOREIGN KEY (request_id) REFERENCES broker.request(id);

ALTER TABLE ONLY broker.decision
    ADD CONSTRAINT of_that_request FOREIGN KEY (request_id, requester) REFERENCES broker.request(id, requester);

ALTER TABLE ONLY broker.request
    ADD CONSTRAINT request_requester_fkey FOREIGN KEY (requester) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.clinical_run
    ADD CONSTRAINT clinical_run_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.clinical_run
    ADD CONSTRAINT clinical_run_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.condition
    ADD CONSTRAINT condition_collection_fkey FOREIGN KEY (collection) REFERENCES catalog.collection(name);

ALTER TABLE ONLY catalog.condition
    ADD CONSTRAINT condition_collection_patient_alias_fkey FOREIGN KEY (collection, patient_alias) REFERENCES catalog.patient(collection, patient_alias);

ALTER TABLE ONLY catalog.condition
    ADD CONSTRAINT condition_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.condition
    ADD CONSTRAINT condition_received_id_fkey FOREIGN KEY (received_id) REFERENCES landing.received_clinical(id);

ALTER TABLE ONLY catalog.condition
    ADD CONSTRAINT condition_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.deid_batch
    ADD CONSTRAINT deid_batch_policy_sha256_fkey FOREIGN KEY (policy_sha256) REFERENCES catalog.policy(sha256);

ALTER TABLE ONLY catalog.deid_item
    ADD CONSTRAINT deid_item_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES catalog.deid_batch(id);

ALTER TABLE ONLY catalog.deid_item
    ADD CONSTRAINT deid_item_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.deid_item
    ADD CONSTRAINT deid_item_received_id_fkey FOREIGN KEY (received_id) REFERENCES landing.received_series(id);

ALTER TABLE ONLY catalog.deid_item
    ADD CONSTRAINT deid_item_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.deid_outcome
    ADD CONSTRAINT deid_outcome_batch_id_received_id_fkey FOREIGN KEY (batch_id, received_id) REFERENCES catalog.deid_item(batch_id, received_id);

ALTER TABLE ONLY catalog.deid_outcome
    ADD CONSTRAINT deid_outcome_report_id_fkey FOREIGN KEY (report_id) REFERENCES catalog.deid_report(id);

ALTER TABLE ONLY catalog.deid_picture
    ADD CONSTRAINT deid_picture_report_id_fkey FOREIGN KEY (report_id) REFERENCES catalog.deid_report(id);

ALTER TABLE ONLY catalog.deid_report
    ADD CONSTRAINT deid_report_batch_id_received_id_fkey FOREIGN KEY (batch_id, received_id) REFERENCES catalog.deid_item(batch_id, received_id);

ALTER TABLE ONLY catalog.deid_report
    ADD CONSTRAINT deid_report_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.deid_report
    ADD CONSTRAINT deid_report_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.facet
    ADD CONSTRAINT facet_collection_fkey FOREIGN KEY (collection) REFERENCES catalog.collection(name);

ALTER TABLE ONLY catalog.facet_members
    ADD CONSTRAINT facet_members_facet_id_fkey FOREIGN KEY (facet_id) REFERENCES catalog.facet(id);

ALTER TABLE ONLY catalog.facet
    ADD CONSTRAINT facet_share_id_fkey FOREIGN KEY (share_id) REFERENCES catalog.share(id);

ALTER TABLE ONLY catalog.fetch_run
    ADD CONSTRAINT fetch_run_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.fetch_run
    ADD CONSTRAINT fetch_run_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.fetched_series
    ADD CONSTRAINT fetched_series_fetch_run_id_fkey FOREIGN KEY (fetch_run_id) REFERENCES catalog.fetch_run(id);

ALTER TABLE ONLY catalog.fetched_series
    ADD CONSTRAINT fetched_series_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.fetched_series
    ADD CONSTRAINT fetched_series_received_id_fkey FOREIGN KEY (received_id) REFERENCES landing.received_series(id) ON DELETE CASCADE;

ALTER TABLE ONLY catalog.fetched_series
    ADD CONSTRAINT fetched_series_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.finding
    ADD CONSTRAINT finding_collection_fkey FOREIGN KEY (collection) REFERENCES catalog.collection(name);

ALTER TABLE ONLY catalog.finding
    ADD CONSTRAINT finding_collection_patient_alias_fkey FOREIGN KEY (collection, patient_alias) REFERENCES catalog.patient(collection, patient_alias);

ALTER TABLE ONLY catalog.finding
    ADD CONSTRAINT finding_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.finding
    ADD CONSTRAINT finding_received_id_fkey FOREIGN KEY (received_id) REFERENCES landing.received_clinical(id);

ALTER TABLE ONLY catalog.finding
    ADD CONSTRAINT finding_report_id_fkey FOREIGN KEY (report_id) REFERENCES catalog.report(report_id) ON DELETE CASCADE;

ALTER TABLE ONLY catalog.finding
    ADD CONSTRAINT finding_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.instance
    ADD CONSTRAINT instance_series_uid_fkey FOREIGN KEY (series_uid) REFERENCES catalog.series(series_uid);

ALTER TABLE ONLY catalog.listing
    ADD CONSTRAINT listing_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.observation
    ADD CONSTRAINT observation_collection_fkey FOREIGN KEY (collection) REFERENCES catalog.collection(name);

ALTER TABLE ONLY catalog.observation
    ADD CONSTRAINT observation_collection_patient_alias_fkey FOREIGN KEY (collection, patient_alias) REFERENCES catalog.patient(collection, patient_alias);

ALTER TABLE ONLY catalog.observation
    ADD CONSTRAINT observation_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.observation
    ADD CONSTRAINT observation_received_id_fkey FOREIGN KEY (received_id) REFERENCES landing.received_clinical(id);

ALTER TABLE ONLY catalog.observation
    ADD CONSTRAINT observation_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.patient
    ADD CONSTRAINT patient_collection_fkey FOREIGN KEY (collection) REFERENCES catalog.collection(name);

ALTER TABLE ONLY catalog.report
    ADD CONSTRAINT report_collection_fkey FOREIGN KEY (collection) REFERENCES catalog.collection(name);

ALTER TABLE ONLY catalog.report
    ADD CONSTRAINT report_collection_patient_alias_fkey FOREIGN KEY (collection, patient_alias) REFERENCES catalog.patient(collection, patient_alias);

ALTER TABLE ONLY catalog.report
    ADD CONSTRAINT report_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.report
    ADD CONSTRAINT report_policy_sha256_fkey FOREIGN KEY (policy_sha256) REFERENCES catalog.policy(sha256);

ALTER TABLE ONLY catalog.report
    ADD CONSTRAINT report_received_id_fkey FOREIGN KEY (received_id) REFERENCES landing.received_clinical(id);

ALTER TABLE ONLY catalog.report
    ADD CONSTRAINT report_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.revision
    ADD CONSTRAINT revision_series_uid_fkey FOREIGN KEY (series_uid) REFERENCES catalog.series(series_uid);

ALTER TABLE ONLY catalog.series
    ADD CONSTRAINT series_collection_patient_alias_fkey FOREIGN KEY (collection, patient_alias) REFERENCES catalog.patient(collection, patient_alias);

ALTER TABLE ONLY catalog.series
    ADD CONSTRAINT series_policy_sha256_fkey FOREIGN KEY (policy_sha256) REFERENCES catalog.policy(sha256);

ALTER TABLE ONLY catalog.series
    ADD CONSTRAINT series_study_uid_fkey FOREIGN KEY (study_uid) REFERENCES catalog.study(study_uid);

ALTER TABLE ONLY catalog.share
    ADD CONSTRAINT share_collection_fkey FOREIGN KEY (collection) REFERENCES catalog.collection(name);

ALTER TABLE ONLY catalog.share
    ADD CONSTRAINT share_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY catalog.share
    ADD CONSTRAINT share_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY catalog.study
    ADD CONSTRAINT study_collection_patient_alias_fkey FOREIGN KEY (collection, patient_alias) REFERENCES catalog.patient(collection, patient_alias);

ALTER TABLE ONLY catalog.study_facet
    ADD CONSTRAINT study_facet_facet_id_fkey FOREIGN KEY (facet_id) REFERENCES catalog.facet(id);

ALTER TABLE ONLY catalog.tag
    ADD CONSTRAINT tag_series_uid_fkey FOREIGN KEY (series_uid) REFERENCES catalog.series(series_uid);

ALTER TABLE ONLY catalog.truth
    ADD CONSTRAINT truth_series_uid_fkey FOREIGN KEY (series_uid) REFERENCES catalog.series(series_uid);

ALTER TABLE ONLY curation.sign_off
    ADD CONSTRAINT sign_off_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY curation.sign_off
    ADD CONSTRAINT sign_off_series_uid_fkey FOREIGN KEY (series_uid) REFERENCES catalog.series(series_uid);

ALTER TABLE ONLY curation.worklist
    ADD CONSTRAINT worklist_series_uid_fkey FOREIGN KEY (series_uid) REFERENCES catalog.series(series_uid);

ALTER TABLE ONLY experiment.case_result
    ADD CONSTRAINT case_result_run_id_fkey FOREIGN KEY (run_id) REFERENCES experiment.run(id);

ALTER TABLE ONLY experiment.case_result
    ADD CONSTRAINT case_result_series_uid_fkey FOREIGN KEY (series_uid) REFERENCES catalog.series(series_uid);

ALTER TABLE ONLY experiment.cohort_attrition
    ADD CONSTRAINT cohort_attrition_cohort_id_fkey FOREIGN KEY (cohort_id) REFERENCES experiment.cohort(id);

ALTER TABLE ONLY experiment.cohort_lesion
    ADD CONSTRAINT cohort_lesion_cohort_id_series_uid_fkey FOREIGN KEY (cohort_id, series_uid) REFERENCES experiment.cohort_member(cohort_id, series_uid);

ALTER TABLE ONLY experiment.cohort_member
    ADD CONSTRAINT cohort_member_cohort_id_fkey FOREIGN KEY (cohort_id) REFERENCES experiment.cohort(id);

ALTER TABLE ONLY experiment.cohort
    ADD CONSTRAINT cohort_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY experiment.cohort
    ADD CONSTRAINT cohort_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY experiment.cohort_timepoint
    ADD CONSTRAINT cohort_timepoint_cohort_id_series_uid_fkey FOREIGN KEY (cohort_id, series_uid) REFERENCES experiment.cohort_member(cohort_id, series_uid);

ALTER TABLE ONLY experiment.comparison
    ADD CONSTRAINT comparison_run_id_fkey FOREIGN KEY (run_id) REFERENCES experiment.run(id);

ALTER TABLE ONLY experiment.metric
    ADD CONSTRAINT metric_run_id_fkey FOREIGN KEY (run_id) REFERENCES experiment.run(id);

ALTER TABLE ONLY experiment.picture
    ADD CONSTRAINT picture_run_id_fkey FOREIGN KEY (run_id) REFERENCES experiment.run(id);

ALTER TABLE ONLY experiment.picture
    ADD CONSTRAINT picture_series_uid_fkey FOREIGN KEY (series_uid) REFERENCES catalog.series(series_uid);

ALTER TABLE ONLY experiment.run_algorithm
    ADD CONSTRAINT run_algorithm_algorithm_digest_fkey FOREIGN KEY (algorithm, digest) REFERENCES registry.algorithm_version(name, digest);

ALTER TABLE ONLY experiment.run_algorithm
    ADD CONSTRAINT run_algorithm_run_id_fkey FOREIGN KEY (run_id) REFERENCES experiment.run(id);

ALTER TABLE ONLY experiment.run
    ADD CONSTRAINT run_cohort_id_fkey FOREIGN KEY (cohort_id) REFERENCES experiment.cohort(id);

ALTER TABLE ONLY experiment.run
    ADD CONSTRAINT run_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY experiment.run
    ADD CONSTRAINT run_spec_id_fkey FOREIGN KEY (spec_id) REFERENCES experiment.spec(id);

ALTER TABLE ONLY experiment.run
    ADD CONSTRAINT run_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY experiment.spec
    ADD CONSTRAINT spec_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY experiment.spec
    ADD CONSTRAINT spec_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY experiment.step_run
    ADD CONSTRAINT step_run_run_id_fkey FOREIGN KEY (run_id) REFERENCES experiment.run(id);

ALTER TABLE ONLY experiment.step_run
    ADD CONSTRAINT step_run_series_uid_fkey FOREIGN KEY (series_uid) REFERENCES catalog.series(series_uid);

ALTER TABLE ONLY landing.clinical_followed
    ADD CONSTRAINT clinical_followed_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY landing.clinical_followed
    ADD CONSTRAINT clinical_followed_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY landing.clinical_record
    ADD CONSTRAINT clinical_record_received_id_fkey FOREIGN KEY (received_id) REFERENCES landing.received_clinical(id) ON DELETE CASCADE;

ALTER TABLE ONLY landing.followed
    ADD CONSTRAINT followed_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY landing.followed
    ADD CONSTRAINT followed_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY landing.quarantine
    ADD CONSTRAINT quarantine_series_id_fkey FOREIGN KEY (series_id) REFERENCES landing.received_series(id);

ALTER TABLE ONLY landing.received_clinical
    ADD CONSTRAINT received_clinical_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY landing.received_clinical
    ADD CONSTRAINT received_clinical_run_id_fkey FOREIGN KEY (run_id) REFERENCES catalog.clinical_run(id);

ALTER TABLE ONLY landing.received_clinical
    ADD CONSTRAINT received_clinical_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY landing.received_object
    ADD CONSTRAINT received_object_series_id_fkey FOREIGN KEY (series_id) REFERENCES landing.received_series(id) ON DELETE CASCADE;

ALTER TABLE ONLY landing.received_series
    ADD CONSTRAINT received_series_fetch_run_id_fkey FOREIGN KEY (fetch_run_id) REFERENCES catalog.fetch_run(id);

ALTER TABLE ONLY landing.received_series
    ADD CONSTRAINT received_series_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY landing.received_series
    ADD CONSTRAINT received_series_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY phi.project_key
    ADD CONSTRAINT project_key_request_id_fkey FOREIGN KEY (request_id) REFERENCES broker.request(id);

ALTER TABLE ONLY registry.algorithm
    ADD CONSTRAINT algorithm_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY registry.algorithm
    ADD CONSTRAINT algorithm_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY registry.algorithm_version
    ADD CONSTRAINT algorithm_version_name_fkey FOREIGN KEY (name) REFERENCES registry.algorithm(name);

ALTER TABLE ONLY upload.file
    ADD CONSTRAINT file_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES upload.upload(id);

ALTER TABLE ONLY upload.notice_seen
    ADD CONSTRAINT notice_seen_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY upload.notice_seen
    ADD CONSTRAINT notice_seen_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES upload.notice(upload_id);

ALTER TABLE ONLY upload.notice
    ADD CONSTRAINT notice_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES upload.upload(id);

ALTER TABLE ONLY upload.quota
    ADD CONSTRAINT quota_account_fkey FOREIGN KEY (account) REFERENCES access.account(name);

ALTER TABLE ONLY upload.series
    ADD CONSTRAINT series_received_id_fkey FOREIGN KEY (received_id) REFERENCES landing.received_series(id) ON DELETE CASCADE;

ALTER TABLE ONLY upload.series
    ADD CONSTRAINT series_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES upload.upload(id);

ALTER TABLE ONLY upload.upload
    ADD CONSTRAINT upload_owner_fkey FOREIGN KEY (owner) REFERENCES access.account(name);

ALTER TABLE ONLY upload.upload
    ADD CONSTRAINT upload_team_fkey FOREIGN KEY (team) REFERENCES access.team(name);

ALTER TABLE ONLY upload.verdict
    ADD CONSTRAINT verdict_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES upload.upload(id);

ALTER TABLE access.acceptance ENABLE ROW LEVEL SECURITY;

ALTER TABLE access.account ENABLE ROW LEVEL SECURITY;

ALTER TABLE access.account_role ENABLE ROW LEVEL SECURITY;

CREATE POLICY admin ON access.account FOR SELECT TO radflow_portal USING (access.has_role('admin'::access.role));

CREATE POLICY admin ON access.account_role FOR SELECT TO radflow_portal USING (access.has_role('admin'::access.role));

ALTER TABLE access.agreement ENABLE ROW LEVEL SECURITY;

ALTER TABLE access.decision ENABLE ROW LEVEL SECURITY;

ALTER TABLE access.membership ENABLE ROW LEVEL SECURITY;

CREATE POLICY mine ON access.acceptance FOR SELECT TO radflow_portal USING (((account = access.current_account()) OR access.has_role('admin'::access.role)));

CREATE POLICY mine ON access.membership FOR SELECT TO radflow_portal USING (((account = access.current_account()) OR access.is_member(team) OR access.has_role('admin'::access.role)));

CREATE POLICY mine ON access.team FOR SELECT TO radflow_portal USING ((access.is_member(name) OR access.has_role('admin'::access.role)));

CREATE POLICY mine_or_to_decide ON access.request FOR SELECT TO radflow_portal USING (((account = access.current_account()) OR access.may_decide(team)));

CREATE POLICY of_the_request ON access.decision FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM access.request r
  WHERE (r.id = decision.request_id))));

ALTER TABLE access.offer ENABLE ROW LEVEL SECURITY;

CREATE POLICY offered ON access.offer FOR SELECT TO radflow_portal USING (((access.current_account() IS NOT NULL) AND (open OR access.is_member(team) OR access.has_role('admin'::access.role))));

CREATE POLICY pipeline ON access.acceptance FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline ON access.account TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON access.account_role TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON access.agreement FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline ON access.decision FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline ON access.membership TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON access.offer FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline ON access.request FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline ON access.team TO radflow_pipeline USING (true) WITH CHECK (true);

ALTER TABLE access.request ENABLE ROW LEVEL SECURITY;

CREATE POLICY self ON access.account FOR SELECT TO radflow_portal USING ((name = access.current_account()));

CREATE POLICY self ON access.account_role FOR SELECT TO radflow_portal USING ((account = access.current_account()));

CREATE POLICY self_write ON access.acceptance FOR INSERT TO radflow_portal WITH CHECK ((account = access.current_account()));

CREATE POLICY self_write ON access.decision FOR INSERT TO radflow_portal WITH CHECK ((account = access.current_account()));

CREATE POLICY self_write ON access.request FOR INSERT TO radflow_portal WITH CHECK ((account = access.current_account()));

CREATE POLICY signed_in ON access.agreement FOR SELECT TO radflow_portal USING ((access.current_account() IS NOT NULL));

ALTER TABLE access.team ENABLE ROW LEVEL SECURITY;

CREATE POLICY admin_read ON audit.event FOR SELECT TO radflow_portal USING (( SELECT access.has_role('admin'::access.role) AS has_role));

CREATE POLICY broker ON audit.event FOR INSERT TO radflow_broker WITH CHECK (((account = access.current_account()) AND ((action = 'reidentify.denied'::text) OR (action !~ '^(reidentify|key|broker|access)[.]'::text))));

ALTER TABLE audit.event ENABLE ROW LEVEL SECURITY;

CREATE POLICY not_uploads_by_hand ON audit.event AS RESTRICTIVE FOR INSERT TO radflow_pipeline, radflow_portal, radflow_broker WITH CHECK ((action !~ '^upload[.]'::text));

CREATE POLICY pipeline ON audit.event FOR INSERT TO radflow_pipeline WITH CHECK ((action !~ '^(reidentify|key|broker|access)[.]'::text));

CREATE POLICY pipeline_read ON audit.event FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY self_write ON audit.event FOR INSERT TO radflow_portal WITH CHECK (((account = access.current_account()) AND (action !~ '^(reidentify|key|broker|access)[.]'::text)));

CREATE POLICY broker_ask ON broker.request FOR INSERT TO radflow_broker WITH CHECK (((requester = access.current_account()) AND access.has_role('broker'::access.role)));

CREATE POLICY broker_decide ON broker.decision FOR INSERT TO radflow_broker WITH CHECK (((account = access.current_account()) AND access.has_role('broker'::access.role)));

CREATE POLICY broker_disclose ON broker.disclosure FOR INSERT TO radflow_broker WITH CHECK (((account = access.current_account()) AND access.has_role('broker'::access.role)));

CREATE POLICY broker_read ON broker.decision FOR SELECT TO radflow_broker USING (access.has_role('broker'::access.role));

CREATE POLICY broker_read ON broker.disclosure FOR SELECT TO radflow_broker USING (access.has_role('broker'::access.role));

CREATE POLICY broker_read ON broker.request FOR SELECT TO radflow_broker USING (access.has_role('broker'::access.role));

ALTER TABLE broker.decision ENABLE ROW LEVEL SECURITY;

ALTER TABLE broker.disclosure ENABLE ROW LEVEL SECURITY;

CREATE POLICY pipeline ON broker.request FOR INSERT TO radflow_pipeline WITH CHECK (true);

CREATE POLICY pipeline_read ON broker.decision FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline_read ON broker.request FOR SELECT TO radflow_pipeline USING (true);

ALTER TABLE broker.request ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.body_part_code ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.clinical_run ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.collection ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.condition ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.deid_batch ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.deid_item ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.deid_outcome ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.deid_picture ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.deid_report ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.description ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.facet ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.facet_members ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.fetch_run ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.fetched_series ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.finding ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.instance ENABLE ROW LEVEL SECURITY;

CREATE POLICY known ON catalog.body_part_code FOR SELECT TO radflow_portal USING ((access.current_account() IS NOT NULL));

CREATE POLICY known ON catalog.licence_name FOR SELECT TO radflow_portal USING ((access.current_account() IS NOT NULL));

CREATE POLICY known ON catalog.listing FOR SELECT TO radflow_portal USING ((access.current_account() IS NOT NULL));

CREATE POLICY known ON catalog.manufacturer_name FOR SELECT TO radflow_portal USING ((access.current_account() IS NOT NULL));

CREATE POLICY known ON catalog.modality_code FOR SELECT TO radflow_portal USING ((access.current_account() IS NOT NULL));

ALTER TABLE catalog.licence_name ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.listing ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.manufacturer_name ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.modality_code ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.observation ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.patient ENABLE ROW LEVEL SECURITY;

CREATE POLICY pipeline ON catalog.body_part_code TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.clinical_run TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.collection TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.condition TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.deid_batch TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.deid_item TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.deid_outcome FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline ON catalog.deid_picture TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.deid_report TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.description TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.facet TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.facet_members TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.fetch_run TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.fetched_series TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.finding TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.instance TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.licence_name TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.listing TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.manufacturer_name TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.modality_code TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.observation TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.patient TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.policy TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.report TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.revision TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.series TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.share TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.study TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.study_facet TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.tag TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON catalog.truth TO radflow_pipeline USING (true) WITH CHECK (true);

ALTER TABLE catalog.policy ENABLE ROW LEVEL SECURITY;

CREATE POLICY release ON catalog.report FOR UPDATE TO radflow_portal USING ((access.may_see(owner, team, visibility) AND ( SELECT access.has_role('curator'::access.role) AS has_role))) WITH CHECK ((state = 'released'::text));

ALTER TABLE catalog.report ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.revision ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.series ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.share ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.study ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.study_facet ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.tag ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalog.truth ENABLE ROW LEVEL SECURITY;

CREATE POLICY visible ON catalog.clinical_run FOR SELECT TO radflow_portal USING ((access.may_see(owner, team, visibility) OR ( SELECT access.has_role('data_engineer'::access.role) AS has_role)));

CREATE POLICY visible ON catalog.collection FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.facet f
  WHERE ((f.collection = collection.name) AND (f.series_count > 0)))));

CREATE POLICY visible ON catalog.condition FOR SELECT TO radflow_portal USING (access.may_see(owner, team, visibility));

CREATE POLICY visible ON catalog.deid_batch FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.deid_outcome o
  WHERE (o.batch_id = deid_batch.id))));

CREATE POLICY visible ON catalog.deid_item FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.deid_outcome o
  WHERE ((o.batch_id = deid_item.batch_id) AND (o.received_id = deid_item.received_id)))));

CREATE POLICY visible ON catalog.deid_outcome FOR SELECT TO radflow_portal USING (
CASE kind
    WHEN 'quarantine'::text THEN ((( SELECT access.current_account() AS current_account) IS NOT NULL) AND ((owner = ( SELECT access.current_account() AS current_account)) OR ( SELECT (access.has_role('data_engineer'::access.role) OR access.has_role('broker'::access.role)))))
    ELSE (access.may_see(owner, team, visibility) AND ((owner = ( SELECT access.current_account() AS current_account)) OR ( SELECT (access.has_role('data_engineer'::access.role) OR access.has_role('broker'::access.role))) OR (EXISTS ( SELECT
       FROM catalog.series s
      WHERE (s.series_uid = deid_outcome.series_uid)))))
END);

CREATE POLICY visible ON catalog.deid_picture FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.deid_report r
  WHERE (r.id = deid_picture.report_id))));

CREATE POLICY visible ON catalog.deid_report FOR SELECT TO radflow_portal USING (
CASE kind
    WHEN 'series'::text THEN (access.may_see(owner, team, visibility) AND ((owner = ( SELECT access.current_account() AS current_account)) OR ( SELECT (access.has_role('data_engineer'::access.role) OR access.has_role('broker'::access.role))) OR (EXISTS ( SELECT
       FROM catalog.series s
      WHERE (s.series_uid = deid_report.series_uid)))))
    ELSE ((( SELECT access.current_account() AS current_account) IS NOT NULL) AND ((owner = ( SELECT access.current_account() AS current_account)) OR ( SELECT (access.has_role('data_engineer'::access.role) OR access.has_role('broker'::access.role)))))
END);

CREATE POLICY visible ON catalog.description FOR SELECT TO radflow_portal USING (((share_ids[1] IN ( SELECT s.id
   FROM catalog.share s)) OR (share_ids && ARRAY( SELECT s.id
   FROM catalog.share s))));

CREATE POLICY visible ON catalog.facet FOR SELECT TO radflow_portal USING ((share_id IN ( SELECT s.id
   FROM catalog.share s)));

CREATE POLICY visible ON catalog.facet_members FOR SELECT TO radflow_portal USING ((share_id IN ( SELECT s.id
   FROM catalog.share s)));

CREATE POLICY visible ON catalog.fetch_run FOR SELECT TO radflow_portal USING (access.may_see(owner, team, visibility));

CREATE POLICY visible ON catalog.fetched_series FOR SELECT TO radflow_portal USING ((access.may_see(owner, team, visibility) OR ((state = ANY (ARRAY['failed'::text, 'quarantined'::text])) AND ( SELECT (access.has_role('data_engineer'::access.role) OR access.has_role('broker'::access.role))))));

CREATE POLICY visible ON catalog.finding FOR SELECT TO radflow_portal USING (access.may_see(owner, team, visibility));

CREATE POLICY visible ON catalog.instance FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.series s
  WHERE (s.series_uid = instance.series_uid))));

CREATE POLICY visible ON catalog.observation FOR SELECT TO radflow_portal USING (access.may_see(owner, team, visibility));

CREATE POLICY visible ON catalog.patient FOR SELECT TO radflow_portal USING (((share_ids[1] IN ( SELECT s.id
   FROM catalog.share s)) OR (share_ids && ARRAY( SELECT s.id
   FROM catalog.share s))));

CREATE POLICY visible ON catalog.policy FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.series s
  WHERE (s.policy_sha256 = policy.sha256))));

CREATE POLICY visible ON catalog.report FOR SELECT TO radflow_portal USING ((access.may_see(owner, team, visibility) AND ((state = 'released'::text) OR ( SELECT (access.has_role('curator'::access.role) OR access.has_role('adjudicator'::access.role))))));

CREATE POLICY visible ON catalog.revision FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.series s
  WHERE (s.series_uid = revision.series_uid))));

CREATE POLICY visible ON catalog.series FOR SELECT TO radflow_portal USING ((share_id IN ( SELECT s.id
   FROM catalog.share s)));

CREATE POLICY visible ON catalog.share FOR SELECT TO radflow_portal USING ((access.may_see(owner, team, visibility) AND ((state = ANY (ARRAY['released'::text, 'listed'::text])) OR access.has_role('curator'::access.role) OR access.has_role('adjudicator'::access.role))));

CREATE POLICY visible ON catalog.study FOR SELECT TO radflow_portal USING (((share_ids[1] IN ( SELECT s.id
   FROM catalog.share s)) OR (share_ids && ARRAY( SELECT s.id
   FROM catalog.share s))));

CREATE POLICY visible ON catalog.study_facet FOR SELECT TO radflow_portal USING ((share_id IN ( SELECT s.id
   FROM catalog.share s)));

CREATE POLICY visible ON catalog.tag FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.series s
  WHERE (s.series_uid = tag.series_uid))));

CREATE POLICY visible ON catalog.truth FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.series s
  WHERE (s.series_uid = truth.series_uid))));

CREATE POLICY visible_with_batch ON catalog.policy FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM catalog.deid_batch b
  WHERE (b.policy_sha256 = policy.sha256))));

CREATE POLICY blind ON curation.sign_off FOR SELECT TO radflow_portal USING (((account = access.current_account()) OR access.has_role('adjudicator'::access.role) OR (EXISTS ( SELECT
   FROM catalog.series s
  WHERE ((s.series_uid = sign_off.series_uid) AND (s.state <> 'held'::text))))));

CREATE POLICY pipeline ON curation.sign_off TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON curation.worklist TO radflow_pipeline USING (true) WITH CHECK (true);

ALTER TABLE curation.sign_off ENABLE ROW LEVEL SECURITY;

ALTER TABLE curation.worklist ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.case_result ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.cohort ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.cohort_attrition ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.cohort_lesion ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.cohort_member ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.cohort_timepoint ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.comparison ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.metric ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.picture ENABLE ROW LEVEL SECURITY;

CREATE POLICY pipeline ON experiment.case_result TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.cohort TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.cohort_attrition TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.cohort_lesion TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.cohort_member TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.cohort_timepoint TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.comparison TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.metric TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.picture TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.revision TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.run TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.run_algorithm TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.spec TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON experiment.step_run TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY register ON experiment.spec FOR INSERT TO radflow_portal WITH CHECK (((owner = access.current_account()) AND ((visibility <> 'team'::access.visibility) OR access.in_team(team))));

ALTER TABLE experiment.revision ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.run ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.run_algorithm ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.spec ENABLE ROW LEVEL SECURITY;

ALTER TABLE experiment.step_run ENABLE ROW LEVEL SECURITY;

CREATE POLICY visible ON experiment.case_result FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.run r
  WHERE (r.id = case_result.run_id))));

CREATE POLICY visible ON experiment.cohort FOR SELECT TO radflow_portal USING (access.may_see(owner, team, visibility));

CREATE POLICY visible ON experiment.cohort_attrition FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.cohort c
  WHERE (c.id = cohort_attrition.cohort_id))));

CREATE POLICY visible ON experiment.cohort_lesion FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.cohort c
  WHERE (c.id = cohort_lesion.cohort_id))));

CREATE POLICY visible ON experiment.cohort_member FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.cohort c
  WHERE (c.id = cohort_member.cohort_id))));

CREATE POLICY visible ON experiment.cohort_timepoint FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.cohort c
  WHERE (c.id = cohort_timepoint.cohort_id))));

CREATE POLICY visible ON experiment.comparison FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.run r
  WHERE (r.id = comparison.run_id))));

CREATE POLICY visible ON experiment.metric FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.run r
  WHERE (r.id = metric.run_id))));

CREATE POLICY visible ON experiment.picture FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.run r
  WHERE (r.id = picture.run_id))));

CREATE POLICY visible ON experiment.run FOR SELECT TO radflow_portal USING (access.may_see(owner, team, visibility));

CREATE POLICY visible ON experiment.run_algorithm FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.run r
  WHERE (r.id = run_algorithm.run_id))));

CREATE POLICY visible ON experiment.spec FOR SELECT TO radflow_portal USING (access.may_see(owner, team, visibility));

CREATE POLICY visible ON experiment.step_run FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM experiment.run r
  WHERE (r.id = step_run.run_id))));

CREATE POLICY broker ON landing.quarantine TO radflow_broker USING (true) WITH CHECK (true);

CREATE POLICY broker ON landing.received_clinical FOR SELECT TO radflow_broker USING (true);

CREATE POLICY broker ON landing.received_object FOR SELECT TO radflow_broker USING (true);

CREATE POLICY broker ON landing.received_series FOR SELECT TO radflow_broker USING (true);

ALTER TABLE landing.clinical_followed ENABLE ROW LEVEL SECURITY;

ALTER TABLE landing.clinical_record ENABLE ROW LEVEL SECURITY;

ALTER TABLE landing.followed ENABLE ROW LEVEL SECURITY;

CREATE POLICY pipeline ON landing.clinical_followed TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON landing.clinical_record TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON landing.followed TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON landing.quarantine TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON landing.received_clinical TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON landing.received_object TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON landing.received_series TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON landing.truth TO radflow_pipeline USING (true) WITH CHECK (true);

ALTER TABLE landing.quarantine ENABLE ROW LEVEL SECURITY;

ALTER TABLE landing.received_clinical ENABLE ROW LEVEL SECURITY;

ALTER TABLE landing.received_object ENABLE ROW LEVEL SECURITY;

ALTER TABLE landing.received_series ENABLE ROW LEVEL SECURITY;

ALTER TABLE landing.truth ENABLE ROW LEVEL SECURITY;

CREATE POLICY broker_read ON phi.project_key FOR SELECT TO radflow_broker USING (access.has_role('broker'::access.role));

ALTER TABLE phi.patient ENABLE ROW LEVEL SECURITY;

CREATE POLICY pipeline ON phi.patient FOR INSERT TO radflow_pipeline WITH CHECK (true);

CREATE POLICY pipeline ON phi.uid FOR INSERT TO radflow_pipeline WITH CHECK (true);

ALTER TABLE phi.project_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE phi.uid ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.algorithm ENABLE ROW LEVEL SECURITY;

ALTER TABLE registry.algorithm_version ENABLE ROW LEVEL SECURITY;

CREATE POLICY everybody ON registry.socket FOR SELECT TO radflow_portal USING ((access.current_account() IS NOT NULL));

CREATE POLICY pipeline ON registry.algorithm TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON registry.algorithm_version TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON registry.socket TO radflow_pipeline USING (true) WITH CHECK (true);

ALTER TABLE registry.socket ENABLE ROW LEVEL SECURITY;

CREATE POLICY visible ON registry.algorithm FOR SELECT TO radflow_portal USING (access.may_see(owner, team, visibility));

CREATE POLICY visible ON registry.algorithm_version FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM registry.algorithm a
  WHERE (a.name = algorithm_version.name))));

ALTER TABLE upload.file ENABLE ROW LEVEL SECURITY;

CREATE POLICY for_curators ON upload.notice FOR SELECT TO radflow_portal USING (( SELECT access.has_role('curator'::access.role) AS has_role));

CREATE POLICY mine ON upload.file FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM upload.upload u
  WHERE ((u.id = file.upload_id) AND (u.owner = access.current_account())))));

CREATE POLICY mine ON upload.notice_seen TO radflow_portal USING ((account = access.current_account())) WITH CHECK ((account = access.current_account()));

CREATE POLICY mine ON upload.quota FOR SELECT TO radflow_portal USING (((account = access.current_account()) OR ( SELECT access.has_role('admin'::access.role) AS has_role)));

CREATE POLICY mine ON upload.series FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM upload.upload u
  WHERE ((u.id = series.upload_id) AND (u.owner = access.current_account())))));

CREATE POLICY mine ON upload.upload FOR SELECT TO radflow_portal USING (((owner = access.current_account()) OR (( SELECT access.has_role('curator'::access.role) AS has_role) AND (EXISTS ( SELECT
   FROM upload.notice n
  WHERE (n.upload_id = upload.id))))));

CREATE POLICY mine ON upload.verdict FOR SELECT TO radflow_portal USING ((EXISTS ( SELECT
   FROM upload.upload u
  WHERE ((u.id = verdict.upload_id) AND (u.owner = access.current_account())))));

CREATE POLICY mine_to_end ON upload.upload FOR UPDATE TO radflow_portal USING (((owner = access.current_account()) AND (state = 'open'::text))) WITH CHECK (((owner = access.current_account()) AND (state = ANY (ARRAY['open'::text, 'received'::text, 'cancelled'::text]))));

CREATE POLICY mine_to_leave_out ON upload.file FOR DELETE TO radflow_portal USING (((state = 'open'::text) AND (EXISTS ( SELECT
   FROM upload.upload u
  WHERE ((u.id = file.upload_id) AND (u.owner = access.current_account()) AND (u.state = 'open'::text))))));

CREATE POLICY mine_to_open ON upload.upload FOR INSERT TO radflow_portal WITH CHECK (((owner = access.current_account()) AND (state = 'open'::text)));

CREATE POLICY mine_to_send ON upload.file FOR INSERT TO radflow_portal WITH CHECK ((EXISTS ( SELECT
   FROM upload.upload u
  WHERE ((u.id = file.upload_id) AND (u.owner = access.current_account()) AND (u.state = 'open'::text)))));

CREATE POLICY mine_to_send_on ON upload.file FOR UPDATE TO radflow_portal USING ((EXISTS ( SELECT
   FROM upload.upload u
  WHERE ((u.id = file.upload_id) AND (u.owner = access.current_account()) AND (u.state = 'open'::text)))));

ALTER TABLE upload.notice ENABLE ROW LEVEL SECURITY;

ALTER TABLE upload.notice_seen ENABLE ROW LEVEL SECURITY;

CREATE POLICY pipeline ON upload.file TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON upload.notice FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline ON upload.notice_seen FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline ON upload.quota FOR SELECT TO radflow_pipeline USING (true);

CREATE POLICY pipeline ON upload.series TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON upload.upload TO radflow_pipeline USING (true) WITH CHECK (true);

CREATE POLICY pipeline ON upload.verdict TO radflow_pipeline USING (true) WITH CHECK (true);

ALTER TABLE upload.quota ENABLE ROW LEVEL SECURITY;

ALTER TABLE upload.series ENABLE ROW LEVEL SECURITY;

ALTER TABLE upload.upload ENABLE ROW LEVEL SECURITY;

ALTER TABLE upload.verdict ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA access TO radflow_pipeline;
GRANT USAGE ON SCHEMA access TO radflow_portal;
GRANT USAGE ON SCHEMA access TO radflow_broker;

GRANT USAGE ON SCHEMA audit TO radflow_pipeline;
GRANT USAGE ON SCHEMA audit TO radflow_portal;
GRANT USAGE ON SCHEMA audit TO radflow_broker;

GRANT USAGE ON SCHEMA broker TO radflow_pipeline;
GRANT USAGE ON SCHEMA broker TO radflow_broker;

GRANT USAGE ON SCHEMA catalog TO radflow_pipeline;
GRANT USAGE ON SCHEMA catalog TO radflow_portal;

GRANT USAGE ON SCHEMA curation TO radflow_pipeline;
GRANT USAGE ON SCHEMA curation TO radflow_portal;

GRANT USAGE ON SCHEMA experiment TO radflow_pipeline;
GRANT USAGE ON SCHEMA experiment TO radflow_portal;

GRANT USAGE ON SCHEMA landing TO radflow_pipeline;
GRANT USAGE ON SCHEMA landing TO radflow_broker;

GRANT USAGE ON SCHEMA phi TO radflow_pipeline;
GRANT USAGE ON SCHEMA phi TO radflow_broker;

GRANT USAGE ON SCHEMA registry TO radflow_pipeline;
GRANT USAGE ON SCHEMA registry TO radflow_portal;

GRANT USAGE ON SCHEMA upload TO radflow_pipeline;
GRANT USAGE ON SCHEMA upload TO radflow_portal;

REVOKE ALL ON FUNCTION access.end_member(of_team text, who text, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION access.end_member(of_team text, who text, why text) TO radflow_portal;

GRANT SELECT ON TABLE access.acceptance TO radflow_pipeline;
GRANT SELECT,INSERT ON TABLE access.acceptance TO radflow_portal;

GRANT SELECT ON TABLE access.offer TO radflow_pipeline;
GRANT SELECT ON TABLE access.offer TO radflow_portal;

GRANT SELECT,INSERT,DELETE ON TABLE access.account_role TO radflow_pipeline;
GRANT SELECT ON TABLE access.account_role TO radflow_portal;

GRANT SELECT,INSERT,DELETE ON TABLE access.membership TO radflow_pipeline;
GRANT SELECT ON TABLE access.membership TO radflow_portal;

GRANT UPDATE(steward) ON TABLE access.membership TO radflow_pipeline;

GRANT UPDATE(expires_at) ON TABLE access.membership TO radflow_pipeline;

GRANT UPDATE(changed_at) ON TABLE access.membership TO radflow_pipeline;

REVOKE ALL ON FUNCTION access.know_me() FROM PUBLIC;

REVOKE ALL ON FUNCTION access.make_team(named text, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION access.make_team(named text, why text) TO radflow_portal;

REVOKE ALL ON FUNCTION access.publish_agreement(named text, titled text, text_of text) FROM PUBLIC;
GRANT ALL ON FUNCTION access.publish_agreement(named text, titled text, text_of text) TO radflow_portal;

REVOKE ALL ON FUNCTION access.record(action text, kind text, object text, reason text, detail jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION access.set_member(into_team text, who text, as_steward boolean, days integer, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION access.set_member(into_team text, who text, as_steward boolean, days integer, why text) TO radflow_portal;

REVOKE ALL ON FUNCTION access.set_offer(of_team text, titled text, summed text, agreed bigint, at_most integer, is_open boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION access.set_offer(of_team text, titled text, summed text, agreed bigint, at_most integer, is_open boolean) TO radflow_portal;

REVOKE ALL ON FUNCTION access.set_role(who text, wanted access.role, given boolean, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION access.set_role(who text, wanted access.role, given boolean, why text) TO radflow_portal;

GRANT SELECT,INSERT ON TABLE audit.event TO radflow_pipeline;
GRANT SELECT,INSERT ON TABLE audit.event TO radflow_portal;
GRANT INSERT ON TABLE audit.event TO radflow_broker;

GRANT SELECT ON TABLE broker.request TO radflow_pipeline;
GRANT SELECT ON TABLE broker.request TO radflow_broker;

GRANT INSERT(kind) ON TABLE broker.request TO radflow_pipeline;
GRANT INSERT(kind) ON TABLE broker.request TO radflow_broker;

GRANT INSERT(subjects) ON TABLE broker.request TO radflow_pipeline;
GRANT INSERT(subjects) ON TABLE broker.request TO radflow_broker;

GRANT INSERT(cohort) ON TABLE broker.request TO radflow_pipeline;
GRANT INSERT(cohort) ON TABLE broker.request TO radflow_broker;

GRANT INSERT(project) ON TABLE broker.request TO radflow_pipeline;
GRANT INSERT(project) ON TABLE broker.request TO radflow_broker;

GRANT INSERT(key_id) ON TABLE broker.request TO radflow_pipeline;
GRANT INSERT(key_id) ON TABLE broker.request TO radflow_broker;

GRANT INSERT(reason) ON TABLE broker.request TO radflow_pipeline;
GRANT INSERT(reason) ON TABLE broker.request TO radflow_broker;

GRANT INSERT(requester) ON TABLE broker.request TO radflow_pipeline;
GRANT INSERT(requester) ON TABLE broker.request TO radflow_broker;

GRANT INSERT(valid_days) ON TABLE broker.request TO radflow_pipeline;
GRANT INSERT(valid_days) ON TABLE broker.request TO radflow_broker;

GRANT INSERT(dag_run) ON TABLE broker.request TO radflow_pipeline;
GRANT INSERT(dag_run) ON TABLE broker.request TO radflow_broker;

REVOKE ALL ON FUNCTION broker.disclosed(wanted bigint, wanted_kind text) FROM PUBLIC;

REVOKE ALL ON FUNCTION broker.identities(wanted bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION broker.identities(wanted bigint) TO radflow_broker;

REVOKE ALL ON FUNCTION broker.linkage(wanted bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION broker.linkage(wanted bigint) TO radflow_broker;

REVOKE ALL ON FUNCTION broker.take_effect() FROM PUBLIC;

REVOKE ALL ON FUNCTION catalog.add_members(of_kind text, facets integer[], numbers integer[]) FROM PUBLIC;

GRANT SELECT,INSERT ON TABLE catalog.deid_report TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.deid_report TO radflow_portal;

GRANT SELECT,INSERT,UPDATE ON TABLE landing.quarantine TO radflow_pipeline;
GRANT SELECT,UPDATE ON TABLE landing.quarantine TO radflow_broker;

GRANT SELECT ON TABLE catalog.share TO radflow_portal;
GRANT SELECT,INSERT ON TABLE catalog.share TO radflow_pipeline;

GRANT SELECT ON TABLE catalog.description TO radflow_portal;
GRANT SELECT,INSERT,MAINTAIN ON TABLE catalog.description TO radflow_pipeline;

GRANT SELECT,INSERT,UPDATE ON TABLE landing.received_series TO radflow_pipeline;
GRANT SELECT ON TABLE landing.received_series TO radflow_broker;

REVOKE ALL ON FUNCTION catalog.fetch_refused() FROM PUBLIC;
GRANT ALL ON FUNCTION catalog.fetch_refused() TO radflow_portal;

GRANT SELECT ON TABLE catalog.facet TO radflow_portal;
GRANT SELECT,INSERT,MAINTAIN ON TABLE catalog.facet TO radflow_pipeline;

GRANT SELECT,INSERT,MAINTAIN ON TABLE catalog.patient TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.patient TO radflow_portal;

GRANT UPDATE(patient_sex) ON TABLE catalog.patient TO radflow_pipeline;

GRANT SELECT,INSERT,DELETE,MAINTAIN ON TABLE catalog.series TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.series TO radflow_portal;

GRANT UPDATE(state) ON TABLE catalog.series TO radflow_pipeline;

GRANT UPDATE(settled_at) ON TABLE catalog.series TO radflow_pipeline;

GRANT SELECT,INSERT,MAINTAIN ON TABLE catalog.study TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.study TO radflow_portal;

GRANT UPDATE(study_date) ON TABLE catalog.study TO radflow_pipeline;

GRANT UPDATE(patient_age_years) ON TABLE catalog.study TO radflow_pipeline;

GRANT UPDATE(study_description) ON TABLE catalog.study TO radflow_pipeline;

REVOKE ALL ON FUNCTION catalog.refresh_statistics() FROM PUBLIC;
GRANT ALL ON FUNCTION catalog.refresh_statistics() TO radflow_pipeline;

REVOKE ALL ON FUNCTION catalog.renew_members(facets integer[]) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE ON TABLE catalog.report TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.report TO radflow_portal;

GRANT UPDATE(study_uid) ON TABLE catalog.report TO radflow_pipeline;

GRANT UPDATE(state) ON TABLE catalog.report TO radflow_portal;

REVOKE ALL ON FUNCTION catalog.reports_about(asked tsquery) FROM PUBLIC;
GRANT ALL ON FUNCTION catalog.reports_about(asked tsquery) TO radflow_portal;
GRANT ALL ON FUNCTION catalog.reports_about(asked tsquery) TO radflow_pipeline;

REVOKE ALL ON FUNCTION catalog.sum_up(studies integer[], patients integer[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION experiment.freeze_cohort(named text, told text, rules jsonb, rules_sha256 text, at_version bigint, whole_sha256 text, wanted_team text, wanted_visibility access.visibility, how jsonb, uids text[], attrition jsonb, timepoints jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION experiment.freeze_cohort(named text, told text, rules jsonb, rules_sha256 text, at_version bigint, whole_sha256 text, wanted_team text, wanted_visibility access.visibility, how jsonb, uids text[], attrition jsonb, timepoints jsonb) TO radflow_portal;

REVOKE ALL ON FUNCTION phi.guard_key() FROM PUBLIC;

REVOKE ALL ON FUNCTION phi.stamp_key() FROM PUBLIC;

REVOKE ALL ON FUNCTION phi.use_key(wanted_project text, wanted_key text) FROM PUBLIC;
GRANT ALL ON FUNCTION phi.use_key(wanted_project text, wanted_key text) TO radflow_pipeline;

GRANT SELECT ON TABLE upload.quota TO radflow_portal;
GRANT SELECT ON TABLE upload.quota TO radflow_pipeline;

REVOKE ALL ON FUNCTION upload.allowance() FROM PUBLIC;
GRANT ALL ON FUNCTION upload.allowance() TO radflow_portal;

GRANT SELECT,INSERT ON TABLE catalog.collection TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.collection TO radflow_portal;

GRANT UPDATE(title) ON TABLE catalog.collection TO radflow_pipeline;

GRANT UPDATE(description) ON TABLE catalog.collection TO radflow_pipeline;

GRANT UPDATE(licence) ON TABLE catalog.collection TO radflow_pipeline;

GRANT UPDATE(doi) ON TABLE catalog.collection TO radflow_pipeline;

GRANT UPDATE(cancer_types) ON TABLE catalog.collection TO radflow_pipeline;

GRANT UPDATE(tumor_locations) ON TABLE catalog.collection TO radflow_pipeline;

GRANT UPDATE(species) ON TABLE catalog.collection TO radflow_pipeline;

GRANT UPDATE(subject_count) ON TABLE catalog.collection TO radflow_pipeline;

GRANT UPDATE(source_version) ON TABLE catalog.collection TO radflow_pipeline;

GRANT UPDATE(group_name) ON TABLE catalog.collection TO radflow_pipeline;

GRANT SELECT ON TABLE upload.upload TO radflow_portal;
GRANT SELECT ON TABLE upload.upload TO radflow_pipeline;

GRANT INSERT(owner) ON TABLE upload.upload TO radflow_portal;

GRANT INSERT(team) ON TABLE upload.upload TO radflow_portal;

GRANT INSERT(visibility) ON TABLE upload.upload TO radflow_portal;

GRANT INSERT(collection) ON TABLE upload.upload TO radflow_portal;

GRANT INSERT(licence) ON TABLE upload.upload TO radflow_portal;

GRANT INSERT(licence_uri) ON TABLE upload.upload TO radflow_portal;

GRANT INSERT(attested) ON TABLE upload.upload TO radflow_portal;

GRANT UPDATE(state) ON TABLE upload.upload TO radflow_portal;
GRANT UPDATE(state) ON TABLE upload.upload TO radflow_pipeline;

GRANT UPDATE(reason_code) ON TABLE upload.upload TO radflow_pipeline;

GRANT UPDATE(reason) ON TABLE upload.upload TO radflow_pipeline;

GRANT UPDATE(attempts) ON TABLE upload.upload TO radflow_pipeline;

GRANT UPDATE(received_at) ON TABLE upload.upload TO radflow_portal;

GRANT UPDATE(done_at) ON TABLE upload.upload TO radflow_pipeline;

GRANT UPDATE(changed_at) ON TABLE upload.upload TO radflow_pipeline;

GRANT UPDATE(forgotten_at) ON TABLE upload.upload TO radflow_pipeline;

REVOKE ALL ON FUNCTION upload.may_use_collection(wanted text, of_team text) FROM PUBLIC;

REVOKE ALL ON FUNCTION upload.set_quota(who text, bytes bigint, why text) FROM PUBLIC;
GRANT ALL ON FUNCTION upload.set_quota(who text, bytes bigint, why text) TO radflow_portal;

GRANT SELECT,DELETE ON TABLE upload.file TO radflow_portal;

GRANT SELECT(id) ON TABLE upload.file TO radflow_pipeline;

GRANT INSERT(upload_id) ON TABLE upload.file TO radflow_portal;
GRANT SELECT(upload_id) ON TABLE upload.file TO radflow_pipeline;

GRANT INSERT(number) ON TABLE upload.file TO radflow_portal;
GRANT SELECT(number) ON TABLE upload.file TO radflow_pipeline;

GRANT INSERT(name) ON TABLE upload.file TO radflow_portal;
GRANT UPDATE(name) ON TABLE upload.file TO radflow_pipeline;

GRANT INSERT(mark) ON TABLE upload.file TO radflow_portal;
GRANT UPDATE(mark) ON TABLE upload.file TO radflow_pipeline;

GRANT INSERT(byte_count),UPDATE(byte_count) ON TABLE upload.file TO radflow_portal;
GRANT SELECT(byte_count) ON TABLE upload.file TO radflow_pipeline;

GRANT UPDATE(done_bytes) ON TABLE upload.file TO radflow_portal;
GRANT SELECT(done_bytes) ON TABLE upload.file TO radflow_pipeline;

GRANT INSERT(sha256),UPDATE(sha256) ON TABLE upload.file TO radflow_portal;
GRANT SELECT(sha256) ON TABLE upload.file TO radflow_pipeline;

GRANT UPDATE(state) ON TABLE upload.file TO radflow_portal;
GRANT SELECT(state),UPDATE(state) ON TABLE upload.file TO radflow_pipeline;

GRANT UPDATE(changed_at) ON TABLE upload.file TO radflow_portal;
GRANT SELECT(changed_at) ON TABLE upload.file TO radflow_pipeline;

REVOKE ALL ON FUNCTION upload.used() FROM PUBLIC;
GRANT ALL ON FUNCTION upload.used() TO radflow_portal;

GRANT SELECT,INSERT,UPDATE ON TABLE access.account TO radflow_pipeline;
GRANT SELECT ON TABLE access.account TO radflow_portal;

GRANT SELECT ON TABLE access.agreement TO radflow_pipeline;
GRANT SELECT ON TABLE access.agreement TO radflow_portal;

GRANT SELECT ON TABLE access.decision TO radflow_pipeline;
GRANT SELECT,INSERT ON TABLE access.decision TO radflow_portal;

GRANT SELECT ON TABLE access.request TO radflow_pipeline;
GRANT SELECT,INSERT ON TABLE access.request TO radflow_portal;

GRANT SELECT,INSERT ON TABLE access.team TO radflow_pipeline;
GRANT SELECT ON TABLE access.team TO radflow_portal;

GRANT SELECT ON TABLE broker.decision TO radflow_pipeline;
GRANT SELECT ON TABLE broker.decision TO radflow_broker;

GRANT INSERT(request_id) ON TABLE broker.decision TO radflow_broker;

GRANT INSERT(account) ON TABLE broker.decision TO radflow_broker;

GRANT INSERT(decision) ON TABLE broker.decision TO radflow_broker;

GRANT INSERT(reason) ON TABLE broker.decision TO radflow_broker;

GRANT SELECT ON TABLE broker.disclosure TO radflow_broker;

GRANT INSERT(request_id) ON TABLE broker.disclosure TO radflow_broker;

GRANT INSERT(account) ON TABLE broker.disclosure TO radflow_broker;

GRANT SELECT ON TABLE broker.status TO radflow_pipeline;
GRANT SELECT ON TABLE broker.status TO radflow_broker;

GRANT SELECT ON TABLE catalog.body_part_code TO radflow_portal;
GRANT SELECT,INSERT ON TABLE catalog.body_part_code TO radflow_pipeline;

GRANT SELECT,INSERT,UPDATE ON TABLE catalog.clinical_run TO radflow_pipeline;

GRANT SELECT(id) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(dag_id) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(run_id) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(task_id) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(part) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(source) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(source_kind) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(collection) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(selection) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(licence) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(received) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(catalogued) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(quarantined) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(owner) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(team) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(visibility) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT(started_at) ON TABLE catalog.clinical_run TO radflow_portal;

GRANT SELECT,INSERT,DELETE ON TABLE catalog.condition TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.condition TO radflow_portal;

GRANT SELECT,INSERT ON TABLE catalog.deid_batch TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.deid_batch TO radflow_portal;

GRANT SELECT,INSERT ON TABLE catalog.deid_item TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.deid_item TO radflow_portal;

GRANT SELECT ON TABLE catalog.deid_outcome TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.deid_outcome TO radflow_portal;

GRANT SELECT,INSERT ON TABLE catalog.deid_picture TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.deid_picture TO radflow_portal;

GRANT SELECT ON TABLE catalog.facet_members TO radflow_portal;
GRANT SELECT,MAINTAIN ON TABLE catalog.facet_members TO radflow_pipeline;

GRANT SELECT,INSERT,UPDATE ON TABLE catalog.fetch_run TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.fetch_run TO radflow_portal;

GRANT SELECT,INSERT,UPDATE ON TABLE catalog.fetched_series TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.fetched_series TO radflow_portal;

GRANT SELECT,INSERT,DELETE ON TABLE catalog.finding TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.finding TO radflow_portal;

GRANT UPDATE(study_uid) ON TABLE catalog.finding TO radflow_pipeline;

GRANT SELECT,INSERT ON TABLE catalog.instance TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.instance TO radflow_portal;

GRANT SELECT ON TABLE catalog.licence_name TO radflow_portal;
GRANT SELECT,INSERT ON TABLE catalog.licence_name TO radflow_pipeline;

GRANT SELECT ON TABLE catalog.listing TO radflow_portal;
GRANT SELECT,INSERT ON TABLE catalog.listing TO radflow_pipeline;

GRANT SELECT ON TABLE catalog.manufacturer_name TO radflow_portal;
GRANT SELECT,INSERT ON TABLE catalog.manufacturer_name TO radflow_pipeline;

GRANT SELECT ON TABLE catalog.modality_code TO radflow_portal;
GRANT SELECT,INSERT ON TABLE catalog.modality_code TO radflow_pipeline;

GRANT SELECT,INSERT,DELETE ON TABLE catalog.observation TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.observation TO radflow_portal;

GRANT SELECT,INSERT ON TABLE catalog.policy TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.policy TO radflow_portal;

GRANT SELECT,INSERT ON TABLE catalog.revision TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.revision TO radflow_portal;

GRANT SELECT ON TABLE catalog.study_facet TO radflow_portal;
GRANT SELECT,MAINTAIN ON TABLE catalog.study_facet TO radflow_pipeline;

GRANT SELECT,INSERT ON TABLE catalog.tag TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.tag TO radflow_portal;

GRANT SELECT,INSERT ON TABLE catalog.truth TO radflow_pipeline;
GRANT SELECT ON TABLE catalog.truth TO radflow_portal;

GRANT UPDATE(value) ON TABLE catalog.truth TO radflow_pipeline;

GRANT UPDATE(origin) ON TABLE catalog.truth TO radflow_pipeline;

GRANT SELECT,INSERT ON TABLE curation.sign_off TO radflow_pipeline;
GRANT SELECT ON TABLE curation.sign_off TO radflow_portal;

GRANT SELECT ON TABLE curation.outcome TO radflow_pipeline;
GRANT SELECT ON TABLE curation.outcome TO radflow_portal;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE curation.worklist TO radflow_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE experiment.case_result TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.case_result TO radflow_portal;

GRANT SELECT,INSERT ON TABLE experiment.cohort TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.cohort TO radflow_portal;

GRANT SELECT,INSERT ON TABLE experiment.cohort_attrition TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.cohort_attrition TO radflow_portal;

GRANT SELECT,INSERT ON TABLE experiment.cohort_lesion TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.cohort_lesion TO radflow_portal;

GRANT SELECT,INSERT ON TABLE experiment.cohort_member TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.cohort_member TO radflow_portal;

GRANT SELECT,INSERT ON TABLE experiment.cohort_timepoint TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.cohort_timepoint TO radflow_portal;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE experiment.comparison TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.comparison TO radflow_portal;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE experiment.metric TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.metric TO radflow_portal;

GRANT SELECT,INSERT,UPDATE ON TABLE experiment.run TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.run TO radflow_portal;

GRANT SELECT,INSERT ON TABLE experiment.spec TO radflow_pipeline;
GRANT SELECT,INSERT ON TABLE experiment.spec TO radflow_portal;

GRANT SELECT ON TABLE experiment.leaderboard TO radflow_portal;
GRANT SELECT ON TABLE experiment.leaderboard TO radflow_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE experiment.picture TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.picture TO radflow_portal;

GRANT SELECT,INSERT ON TABLE experiment.revision TO radflow_pipeline;

GRANT SELECT,INSERT,UPDATE ON TABLE experiment.run_algorithm TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.run_algorithm TO radflow_portal;

GRANT SELECT,INSERT,UPDATE ON TABLE experiment.step_run TO radflow_pipeline;
GRANT SELECT ON TABLE experiment.step_run TO radflow_portal;

GRANT SELECT,INSERT,UPDATE ON TABLE landing.clinical_followed TO radflow_pipeline;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE landing.clinical_record TO radflow_pipeline;

GRANT SELECT,INSERT,UPDATE ON TABLE landing.followed TO radflow_pipeline;

GRANT SELECT,INSERT,UPDATE ON TABLE landing.received_clinical TO radflow_pipeline;
GRANT SELECT ON TABLE landing.received_clinical TO radflow_broker;

GRANT SELECT,INSERT,DELETE ON TABLE landing.received_object TO radflow_pipeline;
GRANT SELECT ON TABLE landing.received_object TO radflow_broker;

GRANT SELECT,INSERT,UPDATE ON TABLE landing.truth TO radflow_pipeline;

GRANT INSERT ON TABLE phi.patient TO radflow_pipeline;

GRANT SELECT ON TABLE phi.project_key TO radflow_broker;

GRANT INSERT ON TABLE phi.uid TO radflow_pipeline;

GRANT SELECT,INSERT,UPDATE ON TABLE registry.algorithm TO radflow_pipeline;
GRANT SELECT ON TABLE registry.algorithm TO radflow_portal;

GRANT SELECT,INSERT ON TABLE registry.algorithm_version TO radflow_pipeline;
GRANT SELECT ON TABLE registry.algorithm_version TO radflow_portal;

GRANT SELECT,INSERT,UPDATE ON TABLE registry.socket TO radflow_pipeline;
GRANT SELECT ON TABLE registry.socket TO radflow_portal;

GRANT SELECT ON TABLE upload.notice TO radflow_portal;
GRANT SELECT ON TABLE upload.notice TO radflow_pipeline;

GRANT SELECT,INSERT,UPDATE ON TABLE upload.notice_seen TO radflow_portal;
GRANT SELECT ON TABLE upload.notice_seen TO radflow_pipeline;

GRANT SELECT ON TABLE upload.series TO radflow_portal;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE upload.series TO radflow_pipeline;

GRANT SELECT ON TABLE upload.verdict TO radflow_portal;
GRANT INSERT,DELETE ON TABLE upload.verdict TO radflow_pipeline;

GRANT SELECT(id) ON TABLE upload.verdict TO radflow_pipeline;

GRANT SELECT(upload_id) ON TABLE upload.verdict TO radflow_pipeline;

GRANT SELECT(file_number) ON TABLE upload.verdict TO radflow_pipeline;

GRANT UPDATE(name) ON TABLE upload.verdict TO radflow_pipeline;

GRANT SELECT(code) ON TABLE upload.verdict TO radflow_pipeline;

GRANT SELECT(series_number) ON TABLE upload.verdict TO radflow_pipeline;

GRANT SELECT(reason) ON TABLE upload.verdict TO radflow_pipeline;
