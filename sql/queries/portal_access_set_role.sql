select access.set_role(%(account)s, %(role)s::access.role, %(given)s, %(reason)s)
