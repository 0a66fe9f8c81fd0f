copy staged_series from stdin (format csv)
