-- Roles of the cluster. Run once by a superuser before the first migration; safe to run again.
--   radflow_owner     migrates, owns every object
--   radflow_pipeline  runs tasks: writes landing, catalog, curation, experiment; may add to phi, may not read it
--   radflow_portal    serves people; row-level security decides what each of them sees
--   radflow_broker    the honest broker: alone reads phi
do $$
declare role_name text;
begin
  foreach role_name in array array['radflow_owner', 'radflow_pipeline', 'radflow_portal', 'radflow_broker'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      execute format('create role %I login', role_name);
    end if;
  end loop;
end $$;
-- The pipeline acts as the portal (set local role) where it must see what one person may see.
grant radflow_portal to radflow_pipeline;
