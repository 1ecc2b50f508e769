-- Delete lines with the end of their paths (R4), from the numbered forest of merge steps.

delete from log.merges;

insert into log.merges by name
select
    deletes.log_day,
    deletes.log_line,
    deletes.pid as from_pid,
    deletes.new_id as to_pid,
    ends.new_id as canonical_pid,
    (forest.depth + (ends.new_id is not null)::integer)::integer as hops,
    forest.first as path_first,
    forest.last as path_last,
    deletes.log_position
from forest
join merge_nodes as nodes using (node)
join merge_nodes as ends on forest.root = ends.node
join log.deletes as deletes on nodes.log_position = deletes.log_position
order by deletes.log_position;
