-- The profiles into which most pids were merged.

select canonical_pid as pid, count(*) as merged_pids
from pid_aliases
where canonical_pid <> pid
group by canonical_pid
order by merged_pids desc, pid
limit $rows
