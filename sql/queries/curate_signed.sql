select decision, account from curation.sign_off where series_uid = %(series_uid)s and role = %(role)s;
