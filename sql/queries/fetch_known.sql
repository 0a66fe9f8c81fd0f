select series_uid, state from landing.received_series where source = %(source)s and collection = %(collection)s;
