update landing.received_series
set state = 'failed', reason_code = %(reason_code)s, reason = %(reason)s, attempts = attempts + 1, changed_at = now()
where id = %(id)s and state in ('wanted', 'failed');
