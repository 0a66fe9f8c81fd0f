insert into upload.verdict (upload_id, file_number, name, code, series_number, reason)
values (%(id)s, %(file_number)s, %(name)s, %(code)s, %(series_number)s, %(reason)s);
