-- On whose behalf the statements after this one look: what the sender may not see, the sender is not told of.
select set_config('radflow.account', %(account)s, true);
