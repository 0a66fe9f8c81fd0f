select access.make_team(%(team)s, %(reason)s)
