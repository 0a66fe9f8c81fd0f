insert into access.request (account, team, purpose, days)
values (access.current_account(), %(team)s, %(purpose)s, %(days)s)
returning id
