-- First statement of every changing request: one transaction as this person.
set local statement_timeout = '20s';
select set_config('radflow.account', %(account)s, true)
