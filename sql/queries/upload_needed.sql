-- Uploads whose bytes in the drop area are still needed.
select id from upload.upload where state in ('open', 'received');
