select access.set_member(%(team)s, %(account)s, %(steward)s, %(days)s, %(reason)s)
