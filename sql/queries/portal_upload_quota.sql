-- What an account may upload that has no row of its own, told to the database for this transaction; then how it stands.
with told as (select set_config('radflow.upload_quota', %(quota)s::text, true))
select upload.used() as used_bytes, greatest(upload.allowance(), 0) as allowed_bytes from told
