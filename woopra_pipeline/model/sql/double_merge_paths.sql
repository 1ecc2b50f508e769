-- One round of pointer doubling: every path that has not ended yet is joined to the path that starts
-- where it stands now, so that path lengths double and a chain of n merges takes log2(n) rounds.

create or replace temp table merge_paths as
select
    paths.log_position,
    further.onward,
    case when paths.onward is null then paths.end_pid else further.end_pid end as end_pid,
    paths.hops + coalesce(further.hops, 0) as hops
from merge_paths as paths
left join merge_paths as further
    on paths.onward = further.log_position;
