update upload.upload set state = %(state)s, received_at = case when %(state)s = 'received' then now() end
where id = %(id)s and state = 'open'
returning id
