copy staged_outcome from stdin (format csv)
