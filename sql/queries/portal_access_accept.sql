insert into access.acceptance (account, agreement_id, sha256)
values (access.current_account(), %(id)s, %(sha256)s)
on conflict do nothing
