-- Who has the role and has not signed this series yet.
select r.account
from access.account_role r
where r.role = %(role)s::access.role
  and not exists (select from curation.sign_off s where s.series_uid = %(series_uid)s and s.account = r.account)
order by r.account;
