-- Committed before the answer is read in a transaction of its own.
insert into broker.disclosure (request_id, account) values (%(id)s, access.current_account()) returning id;
