select outcome, decision, tags from curation.outcome where series_uid = %(series_uid)s;
