-- Cohorts of listed series, time points and lesions of the members, and freezing in a person's own name: a function
-- that sees no more than that person does. Nobody has the right to insert a bare row.
alter table experiment.cohort add column grouping jsonb;
comment on column experiment.cohort.grouping is 'The rule that its time points were made by (research.timepoints).';

-- A listed series goes when its index lists it no more; the cohort remembers it. Those that are here never go.
alter table experiment.cohort_member
  drop constraint cohort_member_series_uid_fkey,
  add column state text not null default 'released' check (state in ('released', 'listed'));
comment on column experiment.cohort_member.manifest_sha256 is
  'Hash of its files; listed:<number> for a listed series, the hash of its entry in the index.';
create index cohort_member_series on experiment.cohort_member (series_uid);

create table experiment.cohort_timepoint (
  cohort_id bigint not null,
  series_uid text not null,
  timepoint integer not null,
  label text not null check (label <> ''),
  days_from_baseline integer not null,
  primary key (cohort_id, series_uid),
  foreign key (cohort_id, series_uid) references experiment.cohort_member
);
comment on table experiment.cohort_timepoint is
  'Number of the time point of a member: 0 is the baseline, 1 and on are follow-ups, below 0 is before. Members without a row have no date, or lie in no window.';

create table experiment.cohort_lesion (
  cohort_id bigint not null,
  series_uid text not null,
  tracking_uid text not null,
  tracking_id text,
  primary key (cohort_id, series_uid, tracking_uid),
  foreign key (cohort_id, series_uid) references experiment.cohort_member
);
comment on table experiment.cohort_lesion is
  'Lesions followed over time: Tracking UID (0062,0021) and Tracking ID (0062,0020), or the SR items 112040 and 112039 (DCM).';
create index cohort_lesion_uid on experiment.cohort_lesion (cohort_id, tracking_uid);

create trigger append_only before update or delete or truncate on experiment.cohort_timepoint
  for each statement execute function access.refuse_change();
create trigger append_only before update or delete or truncate on experiment.cohort_lesion
  for each statement execute function access.refuse_change();
create trigger guard_frozen before insert on experiment.cohort_timepoint
  for each row execute function experiment.guard_frozen();
create trigger guard_frozen before insert on experiment.cohort_lesion
  for each row execute function experiment.guard_frozen();

-- A cohort is never more visible than its members, and a member is what the catalog says of it.
create or replace function experiment.guard_member() returns trigger language plpgsql as $$
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

-- What is only listed has no files: it is fetched, de-identified, curated and frozen anew before an experiment.
create function experiment.guard_listed() returns trigger language plpgsql as $$
begin
  if exists (select from experiment.cohort_member m where m.cohort_id = new.cohort_id and m.state = 'listed') then
    raise exception 'cohort % has series that are only listed', new.cohort_id
      using hint = 'Fetch them (the cohort exports manifests), have them curated, and freeze again.',
            errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_listed before insert on experiment.run
  for each row execute function experiment.guard_listed();

create function experiment.freeze_cohort(
  named text, told text, rules jsonb, rules_sha256 text, at_version bigint, whole_sha256 text,
  wanted_team text, wanted_visibility access.visibility, how jsonb,
  uids text[], attrition jsonb, timepoints jsonb)
  returns table (id bigint, version integer, created boolean, team text, visibility access.visibility)
  language plpgsql security definer set search_path = experiment, pg_temp as $$
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
comment on function experiment.freeze_cohort is
  'Freeze what the caller may see, owned by the caller. The web server says which series the criteria found; the database takes nothing else from it.';
revoke execute on function experiment.freeze_cohort(text, text, jsonb, text, bigint, text, text, access.visibility, jsonb,
  text[], jsonb, jsonb) from public;
grant execute on function experiment.freeze_cohort(text, text, jsonb, text, bigint, text, text, access.visibility, jsonb,
  text[], jsonb, jsonb) to radflow_portal;

alter table experiment.cohort_timepoint enable row level security;
alter table experiment.cohort_lesion enable row level security;
create policy pipeline on experiment.cohort_timepoint to radflow_pipeline using (true) with check (true);
create policy pipeline on experiment.cohort_lesion to radflow_pipeline using (true) with check (true);
create policy visible on experiment.cohort_timepoint for select to radflow_portal using (
  exists (select from experiment.cohort c where c.id = cohort_timepoint.cohort_id));
create policy visible on experiment.cohort_lesion for select to radflow_portal using (
  exists (select from experiment.cohort c where c.id = cohort_lesion.cohort_id));
grant select, insert on experiment.cohort_timepoint, experiment.cohort_lesion to radflow_pipeline;
grant select on experiment.cohort_timepoint, experiment.cohort_lesion to radflow_portal;
