insert into landing.clinical_record (received_id, sha256, record)
select s.id, s.sha256, s.record from staged_outcome s where s.record is not null order by s.id
on conflict (received_id) do update set sha256 = excluded.sha256, record = excluded.record
