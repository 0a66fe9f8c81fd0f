-- A name belongs to whoever froze the first cohort under it, as with experiments.
select 1 as taken from experiment.cohort where name = %(name)s and owner <> %(owner)s limit 1;
