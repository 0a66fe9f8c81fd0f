-- What counts of a series in a batch, kept as it comes, so that a list of batches asks for nothing once per series.
create table catalog.deid_outcome (
  batch_id bigint not null,
  received_id bigint not null,
  report_id bigint unique references catalog.deid_report,
  kind text check ((kind is null) = (report_id is null)),
  waits boolean not null default false,
  object_count integer not null default 0,
  finding_count integer not null default 0,
  verified boolean not null default false,
  series_uid text,
  patient_alias text collate "C",
  created_at timestamptz,
  owner text not null,
  team text,
  visibility access.visibility not null,
  primary key (batch_id, received_id),
  foreign key (batch_id, received_id) references catalog.deid_item
);
create index deid_outcome_received on catalog.deid_outcome (received_id);
create index deid_outcome_waits on catalog.deid_outcome (created_at, report_id) where waits;
comment on table catalog.deid_outcome is
  'The last report of each series in each batch, none before the first; written by triggers. waits: nothing came after it.';

create function catalog.deid_expect() returns trigger language plpgsql security definer
  set search_path = catalog, pg_temp as $$
begin
  insert into catalog.deid_outcome (batch_id, received_id, owner, team, visibility)
  values (new.batch_id, new.received_id, new.owner, new.team, new.visibility);
  return null;
end $$;
create trigger deid_expect after insert on catalog.deid_item for each row execute function catalog.deid_expect();

create function catalog.deid_note() returns trigger language plpgsql security definer
  set search_path = catalog, pg_temp as $$
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
create trigger deid_note after insert on catalog.deid_report for each row execute function catalog.deid_note();

create function catalog.deid_decided() returns trigger language plpgsql security definer
  set search_path = catalog, pg_temp as $$
begin
  update catalog.deid_outcome o set waits = catalog.deid_waits(o.received_id, o.report_id)
  where o.received_id = new.series_id and o.kind = 'quarantine'
    and o.waits <> catalog.deid_waits(o.received_id, o.report_id);
  return null;
end $$;
create trigger deid_decided after insert or update of decided_at on landing.quarantine
  for each row when (new.stage = 'deidentify') execute function catalog.deid_decided();

insert into catalog.deid_outcome
select i.batch_id, i.received_id, r.id, r.kind,
       coalesce(r.kind = 'quarantine' and catalog.deid_waits(r.received_id, r.id), false),
       coalesce(r.object_count, 0), coalesce(r.finding_count, 0), coalesce(r.verified, false),
       r.series_uid, r.patient_alias, r.created_at, i.owner, i.team, i.visibility
from catalog.deid_item i
left join catalog.deid_report r on r.id = catalog.deid_last(i.batch_id, i.received_id);

-- The rule of the report, see 0010; before the first report, of those who will see it.
alter table catalog.deid_outcome enable row level security;
create policy pipeline on catalog.deid_outcome for select to radflow_pipeline using (true);
create policy visible on catalog.deid_outcome for select to radflow_portal using (
  case kind
    when 'quarantine' then
      (select access.current_account()) is not null and (
        owner = (select access.current_account())
        or (select access.has_role('data_engineer') or access.has_role('broker')))
    else
      access.may_see(owner, team, visibility) and (
        owner = (select access.current_account())
        or (select access.has_role('data_engineer') or access.has_role('broker'))
        or exists (select from catalog.series s where s.series_uid = deid_outcome.series_uid))
  end);
drop policy visible on catalog.deid_item;
create policy visible on catalog.deid_item for select to radflow_portal using (
  exists (select from catalog.deid_outcome o
          where o.batch_id = deid_item.batch_id and o.received_id = deid_item.received_id));
drop policy visible on catalog.deid_batch;
create policy visible on catalog.deid_batch for select to radflow_portal using (
  exists (select from catalog.deid_outcome o where o.batch_id = deid_batch.id));
grant select on catalog.deid_outcome to radflow_pipeline, radflow_portal;

-- What fetching refused waits for the same people. The zone of originals stays closed to the portal: it gets numbers,
-- codes, sentences that name no person, and what to do; no UID, no place of a file.
alter table landing.quarantine add column instruction text;
comment on column landing.quarantine.instruction is 'What to do about it, as the error said.';
create function catalog.fetch_refused() returns table (
    id bigint, number bigint, source text, collection text, reason_code text, reason text, instruction text,
    file_count integer, created_at timestamptz, owner text, team text, visibility access.visibility)
  language sql stable security definer set search_path = landing, pg_temp
  begin atomic
    select q.id, r.id, r.source, r.collection, q.reason_code, q.reason,
           coalesce(q.instruction, 'Look at the evidence in the quarantine, then decide, or fetch the series again.'),
           coalesce(r.object_count, r.image_count, 0), q.quarantined_at, r.owner, r.team, r.visibility
    from landing.quarantine q
    join landing.received_series r on r.id = q.series_id
    where q.stage = 'fetch' and q.decided_at is null and r.state = 'quarantined'
      and access.current_account() is not null
      and (r.owner = access.current_account()
           or access.has_role('data_engineer') or access.has_role('broker'));
  end;
comment on function catalog.fetch_refused is
  'Series that fetching sent to quarantine and that wait for a person, for their owner, data engineers and brokers.';
revoke all on function catalog.fetch_refused from public;
grant execute on function catalog.fetch_refused to radflow_portal;
