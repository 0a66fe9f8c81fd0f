-- What is here of a series already, by whatever way in; ours where this upload brought it.
select r.id, r.state, r.manifest_sha256, r.uri, coalesce(u.upload_id = %(upload_id)s, false) as ours,
       r.source = 'upload' and r.collection = %(collection)s as same_place,
       r.owner = %(owner)s as same_owner, access.may_see(r.owner, r.team, r.visibility) as visible
from landing.received_series r
left join upload.series u on u.received_id = r.id
where r.series_uid = %(series_uid)s
order by r.id;
