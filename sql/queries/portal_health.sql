-- Reachable, and what this person is to Radflow.
select exists (select from access.account where name = access.current_account()) as known_account,
       array(select role::text from access.account_role
             where account = access.current_account() order by 1) as roles,
       array(select team from access.membership
             where account = access.current_account() and (expires_at is null or expires_at > now())
             order by 1) as teams
