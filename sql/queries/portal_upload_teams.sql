-- Teams that the asking person may upload for.
select t.name from access.team t where access.in_team(t.name) order by t.name
