select array(select distinct split_part(action, '.', 1) from audit.event order by 1) as actions,
       array(select distinct object_kind from audit.event order by 1) as kinds
