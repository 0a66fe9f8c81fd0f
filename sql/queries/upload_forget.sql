-- File names of uploads that are over, for a while by now.
with over as (
  update upload.upload set forgotten_at = now()
  where forgotten_at is null and state in ('done', 'failed', 'cancelled', 'expired')
    and changed_at < now() - make_interval(days => %(days)s)
  returning id),
files as (
  update upload.file f set name = null, mark = null from over where f.upload_id = over.id)
update upload.verdict v set name = null from over where v.upload_id = over.id;
