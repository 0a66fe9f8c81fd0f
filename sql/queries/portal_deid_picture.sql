-- One picture of a report; the same content under two names is one.
select p.png from catalog.deid_picture p where p.report_id = %(id)s and p.sha256 = %(sha256)s limit 1
