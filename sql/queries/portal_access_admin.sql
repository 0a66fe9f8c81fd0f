select access.has_role('admin') as is_admin,
       access.has_role('admin') or exists (
         select from access.membership m where m.account = access.current_account() and m.steward
         and (m.expires_at is null or m.expires_at > now())) as is_steward
