select series_uid, state from landing.received_series where source = %(source)s and series_uid = any(%(series_uids)s);
