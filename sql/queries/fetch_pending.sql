-- Series of one source that are still to be fetched: those named, and where it is wanted those of the collection that
-- an earlier run left behind.
select id from landing.received_series
where source = %(source)s and state in ('wanted', 'failed')
  and (series_uid = any(%(series_uids)s)
       or (%(left_behind)s and collection = %(collection)s
           and (%(modality)s = '' or modality is null or upper(modality) = upper(%(modality)s))))
order by id;
