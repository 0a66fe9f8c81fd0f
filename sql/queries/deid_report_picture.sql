insert into catalog.deid_picture (report_id, name, sha256, png)
values (%(report_id)s, %(name)s, %(sha256)s, %(png)s);
