-- The own open upload; whoever numbers files in it waits here.
select id, state from upload.upload where id = %(id)s and state = 'open' for update
