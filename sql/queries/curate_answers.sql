select decision, tags, comment from curation.sign_off
where series_uid = %(series_uid)s and role in ('first', 'second');
