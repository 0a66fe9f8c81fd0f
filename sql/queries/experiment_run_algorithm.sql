insert into experiment.run_algorithm (run_id, arm, step, algorithm, digest)
values (%(run_id)s, %(arm)s, %(step)s, %(algorithm)s, %(digest)s)
on conflict (run_id, arm, step) do update set algorithm = excluded.algorithm, digest = excluded.digest;
