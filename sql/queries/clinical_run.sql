insert into catalog.clinical_run
  (dag_id, run_id, task_id, part, source, source_kind, collection, selection, identifiers, licence, owner, team,
   visibility)
values (%(dag_id)s, %(run_id)s, %(task_id)s, %(part)s, %(source)s, %(source_kind)s, %(collection)s, %(selection)s,
        %(identifiers)s, %(licence)s, %(account)s, %(team)s, %(visibility)s)
on conflict (dag_id, run_id, task_id, part, source_kind) do update set identifiers = excluded.identifiers
returning id
