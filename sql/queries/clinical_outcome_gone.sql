-- What is no longer to be vouched for, or taken back, leaves the catalog; its findings go with a report.
with gone as (select id from staged_outcome where reason_code is not null),
stale as (delete from landing.clinical_record where received_id in (select id from gone)),
observed as (delete from catalog.observation where received_id in (select id from gone)),
conditions as (delete from catalog.condition where received_id in (select id from gone)),
findings as (delete from catalog.finding where received_id in (select id from gone))
delete from catalog.report where received_id in (select id from gone)
