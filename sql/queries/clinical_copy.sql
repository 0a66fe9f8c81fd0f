copy staged_clinical from stdin (format csv)
