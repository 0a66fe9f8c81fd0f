-- First statement of every reading request: one transaction, read only, as this person. Counts over the catalog sort in
-- memory, and compiling them costs more than it brings.
set transaction read only;
set local statement_timeout = '20s';
set local work_mem = '64MB';
set local jit = off;
set local random_page_cost = 1.1;
select set_config('radflow.account', %(account)s, true)
