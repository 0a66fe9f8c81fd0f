select m.account, m.steward, m.expires_at, (m.expires_at is null or m.expires_at > now()) as active,
       access.has_agreed(m.account, m.team) as agreed
from access.membership m
where m.team = %(team)s
order by active desc, m.steward desc, m.account
