select upload.set_quota(%(account)s, %(bytes)s, %(reason)s)
