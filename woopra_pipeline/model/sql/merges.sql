-- Delete lines with the end of their paths.

delete from log.merges;

insert into log.merges by name
select
    deletes.log_day,
    deletes.log_line,
    deletes.pid as from_pid,
    deletes.new_id as to_pid,
    merge_paths.end_pid as canonical_pid,
    merge_paths.hops,
    deletes.log_position
from log.deletes as deletes
join merge_paths using (log_position)
order by deletes.log_position;
