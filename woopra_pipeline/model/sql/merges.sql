-- Delete lines with the end of their paths (R4), from the numbered forest of merges.
--
-- Reads: forest, log.deletes, log.merges, merge_steps, path_ends.
-- Writes: changed_steps, log.merges.
-- Makes: renewed_merges.

create or replace temp table renewed_merges as
select
    deletes.log_day,
    deletes.log_line,
    deletes.pid as from_pid,
    deletes.new_id as to_pid,
    ends.pid as canonical_pid,
    steps.onward_position,
    forest.depth::integer as hops,
    forest.first as path_first,
    forest.last as path_last,
    deletes.log_position
from merge_steps as steps
join forest using (node)
join log.deletes as deletes on steps.log_position = deletes.log_position
left join path_ends as ends on forest.root = ends.node;

-- Deletes whose path now goes on in another way, or goes on after its earlier end (an extension).
insert into changed_steps
select
    earlier.log_position,
    earlier.onward_position is null
        and earlier.to_pid is not distinct from renewed.to_pid as is_extension
from log.merges as earlier
join renewed_merges as renewed using (log_position)
where earlier.onward_position is distinct from renewed.onward_position
    or earlier.to_pid is distinct from renewed.to_pid;

delete from log.merges;

insert into log.merges by name
from renewed_merges
order by log_position;
