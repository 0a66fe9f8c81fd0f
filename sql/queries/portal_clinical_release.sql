update catalog.report set state = 'released' where report_id = %(report_id)s and state = 'held' returning report_id
