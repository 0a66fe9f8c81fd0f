-- One picture of a report.
select p.sha256, p.png from catalog.deid_picture p where p.report_id = %(id)s and p.name = %(name)s
