insert into catalog.fetch_run
  (dag_id, run_id, task_id, part, source, source_kind, found_at, collection, selection, dry_run, offered, wanted,
   owner, team, visibility)
values (%(dag_id)s, %(run_id)s, %(task_id)s, %(part)s, %(source)s, %(source_kind)s, %(found_at)s, %(collection)s, %(selection)s,
        %(dry_run)s, %(offered)s::jsonb, %(wanted)s::jsonb, %(account)s, %(team)s, %(visibility)s::access.visibility)
on conflict (dag_id, run_id, task_id, part) do update
  set found_at = excluded.found_at, selection = excluded.selection, dry_run = excluded.dry_run,
      offered = excluded.offered, wanted = excluded.wanted, started_at = now()
returning id;
