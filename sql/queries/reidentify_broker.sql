select access.has_role('broker') as is_broker;
