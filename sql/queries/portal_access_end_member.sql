select access.end_member(%(team)s, %(account)s, %(reason)s)
