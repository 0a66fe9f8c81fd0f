-- Latest text of every experiment this person may see; one of them where a name is given.
select latest.*, run.id as last_run_id, run.state as last_run_state, run.started_at as last_run_at
from (select distinct on (s.name)
             s.id, s.name, s.title, s.revision, s.spec, s.spec_sha256, s.owner, s.team,
             s.visibility::text as visibility, s.registered_at,
             'exp_' || s.name as dag_id,
             count(*) over (partition by s.name) as text_count
      from experiment.spec s
      where %(name)s::text is null or s.name = %(name)s
      order by s.name, s.id desc) latest
left join lateral (select r.id, r.state, r.started_at
                   from experiment.run r
                   join experiment.spec s on s.id = r.spec_id
                   where s.name = latest.name
                   order by r.id desc
                   limit 1) run on true
order by latest.name
