-- First statement of every reading request: one transaction, read only, as this person.
set transaction read only;
set local statement_timeout = '20s';
select set_config('radflow.account', %(account)s, true)
