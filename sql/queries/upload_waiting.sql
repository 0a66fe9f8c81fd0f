-- Uploads whose files are all here and wait to be sorted.
select id from upload.upload where state = 'received' order by id;
