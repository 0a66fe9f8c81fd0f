insert into access.account (name, display_name) values (%(account)s, %(account)s) on conflict (name) do nothing;
