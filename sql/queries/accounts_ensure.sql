insert into access.account (name, display_name) values (%(account)s, %(account)s) on conflict (name) do nothing;
insert into access.account_role (account, role) values (%(account)s, %(role)s) on conflict do nothing;
insert into access.team (name) values (%(team)s) on conflict (name) do nothing;
insert into access.membership (team, account) values (%(team)s, %(account)s) on conflict do nothing;
