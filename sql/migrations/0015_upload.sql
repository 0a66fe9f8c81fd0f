-- Uploads by people: what was sent, file by file, and what became of it. File names may name patients: only who sent them
-- reads them, and they are forgotten when the upload is over.
create schema upload;
grant usage on schema upload to radflow_pipeline, radflow_portal;

create table upload.upload (
  id bigint generated always as identity primary key,
  owner text not null references access.account,
  team text references access.team,
  visibility access.visibility not null default 'private',
  collection text not null check (collection ~ '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$'),
  licence text not null check (char_length(btrim(licence)) between 2 and 2000),
  licence_uri text check (licence_uri ~ '^https?://\S+$' and char_length(licence_uri) <= 1000),
  attested boolean not null constraint the_right_to_share check (attested),
  state text not null default 'open'
    check (state in ('open', 'received', 'done', 'cancelled', 'expired', 'failed')),
  reason_code text,
  reason text,
  attempts integer not null default 0,
  opened_at timestamptz not null default now(),
  received_at timestamptz,
  done_at timestamptz,
  changed_at timestamptz not null default now(),
  forgotten_at timestamptz,
  check (visibility <> 'team' or team is not null),
  check (state not in ('received', 'done') or received_at is not null)
);
create index upload_owner on upload.upload (owner, id desc);
create index upload_waiting on upload.upload (state) where state in ('open', 'received');
comment on table upload.upload is 'What one person sends at a time: for whom, under which licence, and how far it is.';
comment on column upload.upload.attested is 'The sender said to be allowed to share the images under this licence.';
comment on column upload.upload.forgotten_at is 'When file names were deleted.';

create table upload.file (
  id bigint generated always as identity primary key,
  upload_id bigint not null references upload.upload,
  number integer not null check (number > 0),
  name text check (char_length(name) <= 1000),
  mark text check (char_length(mark) <= 100),
  byte_count bigint not null check (byte_count >= 0),
  done_bytes bigint not null default 0,
  sha256 text check (sha256 ~ '^[0-9a-f]{64}$'),
  state text not null default 'open' check (state in ('open', 'received', 'left')),
  changed_at timestamptz not null default now(),
  unique (upload_id, number),
  check (done_bytes between 0 and byte_count),
  check (state <> 'received' or (done_bytes = byte_count and sha256 is not null))
);
comment on column upload.file.name is 'As the sender''s machine calls it: may name a patient.';
comment on column upload.file.mark is 'The sender''s own mark, such as the time of the last change: only the same file is continued.';
comment on column upload.file.sha256 is 'As announced while open, as received after that.';

create table upload.series (
  received_id bigint primary key references landing.received_series on delete cascade,
  upload_id bigint not null references upload.upload,
  number integer not null check (number > 0),
  patient_number integer not null check (patient_number > 0),
  modality text,
  image_count integer not null check (image_count > 0),
  byte_count bigint not null,
  stage text not null default 'received'
    check (stage in ('received', 'held', 'released', 'rejected', 'quarantined')),
  reason_code text,
  reason text,
  research_series_uid text,
  changed_at timestamptz not null default now(),
  unique (upload_id, number)
);
create index series_research on upload.series (research_series_uid);
comment on table upload.series is 'Series of an upload by their number in it, and how far each has come. Triggers keep it.';

create table upload.verdict (
  id bigint generated always as identity primary key,
  upload_id bigint not null references upload.upload,
  file_number integer not null,
  name text,
  code text not null,
  series_number integer,
  reason text
);
create index verdict_upload on upload.verdict (upload_id, id);
comment on table upload.verdict is 'What became of each file; one row per entry for what came in a zip.';

create table upload.quota (
  account text primary key references access.account,
  byte_count bigint not null check (byte_count >= 0)
);
comment on table upload.quota is 'Who may upload another amount than the setting upload_quota_gb says.';

create table upload.notice (
  upload_id bigint primary key references upload.upload,
  series_count integer not null,
  changed_at timestamptz not null default now()
);
comment on table upload.notice is 'Tells curators that series of an upload are held for them.';

create table upload.notice_seen (
  upload_id bigint not null references upload.notice,
  account text not null references access.account,
  series_count integer not null,
  seen_at timestamptz not null default now(),
  primary key (upload_id, account)
);

-- What counts against the quota: whatever is on its way, and what was sent within thirty days.
create function upload.used() returns bigint language sql stable security definer set search_path = upload, pg_temp
  return (select coalesce(sum(f.byte_count), 0)::bigint
          from upload.file f join upload.upload u on u.id = f.upload_id
          where u.owner = access.current_account() and f.state <> 'left'
            and (u.state in ('open', 'received')
                 or (u.state in ('done', 'failed') and u.done_at > now() - interval '30 days')));

create function upload.allowance() returns bigint language sql stable security definer set search_path = upload, pg_temp
  return coalesce(
    (select q.byte_count from upload.quota q where q.account = access.current_account()),
    nullif(current_setting('radflow.upload_quota', true), '')::bigint, 0);
comment on function upload.allowance is 'Bytes the asking person may upload: the own row, or what the portal says (upload_quota_gb).';

create function upload.may_use_collection(wanted text, of_team text) returns boolean
  language sql stable security definer set search_path = upload, pg_temp
  return not exists (select from catalog.collection c where c.name = wanted and c.source <> 'upload')
    and not exists (select from landing.received_series r where r.collection = wanted and r.source <> 'upload')
    and not exists (select from upload.upload u
                    where u.collection = wanted and u.state <> 'cancelled' and u.owner <> access.current_account()
                      and (u.team is null or u.team is distinct from of_team or not access.in_team(u.team)));
comment on function upload.may_use_collection is
  'A collection of uploads belongs to who began it, or to the team; nobody adds to a public archive''s.';

create function upload.guard_open() returns trigger language plpgsql security definer
  set search_path = upload, pg_temp as $$
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
create trigger guard_open before insert on upload.upload for each row execute function upload.guard_open();

create function upload.tell_open() returns trigger language plpgsql security definer
  set search_path = upload, pg_temp as $$
begin
  perform access.record('upload.open', 'upload', new.id::text, null, jsonb_build_object(
    'collection', new.collection, 'team', new.team, 'visibility', new.visibility, 'licence', new.licence,
    'attested', new.attested));
  return null;
end $$;
create trigger tell_open after insert on upload.upload for each row execute function upload.tell_open();

create function upload.guard_state() returns trigger language plpgsql security definer
  set search_path = upload, pg_temp as $$
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
create trigger guard_state before update of state on upload.upload
  for each row execute function upload.guard_state();

-- One check per statement, so that a thousand announced files cost one sum. The lock makes two requests wait for each other.
create function upload.guard_quota() returns trigger language plpgsql security definer
  set search_path = upload, pg_temp as $$
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
create trigger guard_quota after insert or update of byte_count on upload.file
  for each statement execute function upload.guard_quota();

create function upload.set_quota(who text, bytes bigint, why text) returns void
  language plpgsql security definer set search_path = upload, pg_temp as $$
begin
  perform access.require_admin();
  if not exists (select from access.account a where a.name = who) then
    raise exception 'Radflow does not know %', who using errcode = 'restrict_violation';
  end if;
  insert into upload.quota (account, byte_count) values (who, bytes)
  on conflict (account) do update set byte_count = excluded.byte_count;
  perform access.record('upload.set-quota', 'account', who, why, jsonb_build_object('bytes', bytes));
end $$;

-- How far a series is: landing and catalog say it, the sender reads it here, curators are told.
create function upload.follow_landing() returns trigger language plpgsql security definer
  set search_path = upload, pg_temp as $$
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
create trigger follow_upload after update of state on landing.received_series
  for each row when (new.source = 'upload' and new.state is distinct from old.state)
  execute function upload.follow_landing();

create function upload.follow_catalog() returns trigger language plpgsql security definer
  set search_path = upload, pg_temp as $$
begin
  update upload.series u set stage = new.state, changed_at = now()
  where u.research_series_uid = new.series_uid and new.state in ('released', 'rejected');
  return null;
end $$;
create trigger follow_upload after update of state on catalog.series
  for each row when (new.state is distinct from old.state) execute function upload.follow_catalog();

alter table upload.upload enable row level security;
alter table upload.file enable row level security;
alter table upload.series enable row level security;
alter table upload.verdict enable row level security;
alter table upload.quota enable row level security;
alter table upload.notice enable row level security;
alter table upload.notice_seen enable row level security;
create policy pipeline on upload.upload to radflow_pipeline using (true) with check (true);
create policy pipeline on upload.file to radflow_pipeline using (true) with check (true);
create policy pipeline on upload.series to radflow_pipeline using (true) with check (true);
create policy pipeline on upload.verdict to radflow_pipeline using (true) with check (true);
create policy pipeline on upload.quota for select to radflow_pipeline using (true);
create policy pipeline on upload.notice for select to radflow_pipeline using (true);
create policy pipeline on upload.notice_seen for select to radflow_pipeline using (true);

create policy mine on upload.upload for select to radflow_portal using (
  owner = access.current_account()
  -- Curators read for whom and from whom held series came, and no file name.
  or ((select access.has_role('curator')) and exists (select from upload.notice n where n.upload_id = upload.id)));
create policy mine_to_open on upload.upload for insert to radflow_portal
  with check (owner = access.current_account() and state = 'open');
create policy mine_to_end on upload.upload for update to radflow_portal
  using (owner = access.current_account() and state = 'open')
  with check (owner = access.current_account() and state in ('open', 'received', 'cancelled'));
create policy mine on upload.file for select to radflow_portal using (
  exists (select from upload.upload u where u.id = file.upload_id and u.owner = access.current_account()));
create policy mine_to_send on upload.file for insert to radflow_portal with check (
  exists (select from upload.upload u
          where u.id = file.upload_id and u.owner = access.current_account() and u.state = 'open'));
create policy mine_to_send_on on upload.file for update to radflow_portal using (
  exists (select from upload.upload u
          where u.id = file.upload_id and u.owner = access.current_account() and u.state = 'open'));
create policy mine_to_leave_out on upload.file for delete to radflow_portal using (
  state = 'open' and exists (select from upload.upload u
          where u.id = file.upload_id and u.owner = access.current_account() and u.state = 'open'));
create policy mine on upload.series for select to radflow_portal using (
  exists (select from upload.upload u where u.id = series.upload_id and u.owner = access.current_account()));
create policy mine on upload.verdict for select to radflow_portal using (
  exists (select from upload.upload u where u.id = verdict.upload_id and u.owner = access.current_account()));
create policy mine on upload.quota for select to radflow_portal using (
  account = access.current_account() or (select access.has_role('admin')));
create policy for_curators on upload.notice for select to radflow_portal using ((select access.has_role('curator')));
create policy mine on upload.notice_seen to radflow_portal
  using (account = access.current_account()) with check (account = access.current_account());

grant select on upload.upload, upload.file, upload.series, upload.verdict, upload.quota, upload.notice,
  upload.notice_seen to radflow_portal;
grant insert (owner, team, visibility, collection, licence, licence_uri, attested) on upload.upload to radflow_portal;
grant update (state, received_at) on upload.upload to radflow_portal;
grant insert (upload_id, number, name, mark, byte_count, sha256) on upload.file to radflow_portal;
grant update (byte_count, done_bytes, sha256, state, changed_at) on upload.file to radflow_portal;
grant delete on upload.file to radflow_portal;
grant insert, update on upload.notice_seen to radflow_portal;
-- The pipeline writes names of entries and deletes names; no statement of it reads one.
grant select on upload.upload, upload.series, upload.quota, upload.notice, upload.notice_seen to radflow_pipeline;
grant update (state, reason_code, reason, attempts, done_at, changed_at, forgotten_at) on upload.upload
  to radflow_pipeline;
grant select (id, upload_id, number, byte_count, done_bytes, sha256, state, changed_at) on upload.file
  to radflow_pipeline;
grant update (name, mark, state) on upload.file to radflow_pipeline;
grant insert, update, delete on upload.series to radflow_pipeline;
grant select (id, upload_id, file_number, code, series_number, reason) on upload.verdict to radflow_pipeline;
grant insert, delete, update (name) on upload.verdict to radflow_pipeline;
revoke all on function upload.set_quota, upload.used, upload.allowance, upload.may_use_collection from public;
grant execute on function upload.set_quota, upload.used, upload.allowance to radflow_portal;

-- What functions above record, nobody records by hand.
create policy not_uploads_by_hand on audit.event as restrictive for insert
  to radflow_pipeline, radflow_portal, radflow_broker with check (action !~ '^upload[.]');
