update upload.upload set state = 'done', done_at = now(), changed_at = now() where id = %(id)s and state = 'received';
