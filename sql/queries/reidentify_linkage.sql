select old_alias, old_key_id, new_alias, new_key_id, days_to_add from broker.linkage(%(disclosure)s);
