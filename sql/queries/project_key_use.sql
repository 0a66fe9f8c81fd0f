-- Records the first key of a project; answers the id of the one that counts now.
select phi.use_key(%(project)s, %(key_id)s) as key_id;
