select access.set_offer(%(team)s, %(title)s, %(summary)s, %(agreement_id)s, %(most_days)s, %(open)s)
