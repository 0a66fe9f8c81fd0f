-- Sign-offs: two different people, blind to each other; a third where they differ. The rows are the truth.
create schema curation;
grant usage on schema curation to radflow_pipeline, radflow_portal;

create table curation.sign_off (
  id bigint generated always as identity primary key,
  series_uid text not null references catalog.series,
  role text not null check (role in ('first', 'second', 'adjudicator')),
  account text not null references access.account,
  decision text not null check (decision in ('accept', 'reject')),
  tags text[] not null default '{}',
  comment text,
  signed_at timestamptz not null default now(),
  constraint one_answer_per_role unique (series_uid, role),
  constraint two_person_rule unique (series_uid, account)
);
comment on constraint two_person_rule on curation.sign_off is 'Nobody signs the same series twice, in whatever role.';
create trigger append_only before update or delete or truncate on curation.sign_off
  for each statement execute function access.refuse_change();

-- Which Airflow run asks the curators about a series, so that two runs never ask at once.
create table curation.worklist (
  series_uid text primary key references catalog.series,
  run_key text not null,
  claimed_at timestamptz not null default now()
);

create function curation.in_order() returns trigger language plpgsql as $$
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

create view curation.outcome with (security_invoker = true) as
select s.series_uid,
       case
         when a.id is not null then 'adjudicated'
         when f.id is null then 'open'
         when t.id is null then 'first read'
         when f.decision = t.decision
              and (f.decision = 'reject' or f.sorted_tags = t.sorted_tags) then 'agreed'
         else 'disputed'
       end as outcome,
       coalesce(a.decision, case when f.decision = t.decision
                                  and (f.decision = 'reject' or f.sorted_tags = t.sorted_tags)
                                 then f.decision end) as decision,
       case when a.id is not null then a.sorted_tags
            when f.decision = t.decision
                 and (f.decision = 'reject' or f.sorted_tags = t.sorted_tags) then f.sorted_tags
       end as tags
from catalog.series s
left join lateral (select x.*, array(select distinct unnest(x.tags) order by 1) as sorted_tags
                   from curation.sign_off x where x.series_uid = s.series_uid and x.role = 'first') f on true
left join lateral (select x.*, array(select distinct unnest(x.tags) order by 1) as sorted_tags
                   from curation.sign_off x where x.series_uid = s.series_uid and x.role = 'second') t on true
left join lateral (select x.*, array(select distinct unnest(x.tags) order by 1) as sorted_tags
                   from curation.sign_off x where x.series_uid = s.series_uid and x.role = 'adjudicator') a on true;
comment on view curation.outcome is 'Consensus is derived, never stored: both agree (decision and tags), or an adjudicator settled it.';

create trigger in_order before insert on curation.sign_off for each row execute function curation.in_order();

-- Whoever may edit a task can mark it a success; nobody can release a series that two people did not accept.
create function curation.guard_release() returns trigger language plpgsql as $$
declare settled text;
begin
  if new.state is distinct from old.state then
    select o.decision into settled from curation.outcome o where o.series_uid = new.series_uid;
    if (new.state = 'released' and settled is distinct from 'accept')
       or (new.state = 'rejected' and settled is distinct from 'reject')
       or new.state = 'held' then
      raise exception 'series % cannot become %: its sign-offs say %',
        new.series_uid, new.state, coalesce(settled, 'nothing yet')
        using hint = 'Two curators sign off, or an adjudicator settles it.', errcode = 'restrict_violation';
    end if;
    insert into catalog.revision (series_uid, change) values (new.series_uid, new.state);
  end if;
  return new;
end $$;
create trigger guard_release before update of state on catalog.series
  for each row execute function curation.guard_release();

create function curation.guard_birth() returns trigger language plpgsql as $$
begin
  if new.state <> 'held' then
    raise exception 'a series enters the catalog held' using errcode = 'restrict_violation';
  end if;
  return new;
end $$;
create trigger guard_birth before insert on catalog.series for each row execute function curation.guard_birth();

alter table curation.sign_off enable row level security;
alter table curation.worklist enable row level security;
create policy pipeline on curation.worklist to radflow_pipeline using (true) with check (true);
grant select, insert, update, delete on curation.worklist to radflow_pipeline;
create policy pipeline on curation.sign_off to radflow_pipeline using (true) with check (true);
-- A reader sees the own answer only, until the series is settled: the second read stays blind.
create policy blind on curation.sign_off for select to radflow_portal using (
  account = access.current_account()
  or access.has_role('adjudicator')
  or exists (select from catalog.series s where s.series_uid = sign_off.series_uid and s.state <> 'held'));
grant select, insert on curation.sign_off to radflow_pipeline;
grant select on curation.sign_off to radflow_portal;
grant select on curation.outcome to radflow_pipeline, radflow_portal;
