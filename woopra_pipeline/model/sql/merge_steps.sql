-- The forest of merges (R4): each delete line is a node, numbered in log order; its parent is the next
-- delete line on its path, which is the first one of its target after it. A path that ends at a pid
-- has a node for that pid as its last one, so that all paths to one life of a pid meet in one node.
--
-- Reads: log.deletes.
-- Makes: merge_nodes, merge_steps, numbered_deletes, path_ends.

create or replace temp table numbered_deletes as
select row_number() over (order by log_position) - 1 as node, log_position, pid, new_id
from log.deletes;

create or replace temp table merge_steps as
select
    steps.node,
    steps.log_position,
    onward.node as onward,
    onward.log_position as onward_position,
    case when onward.node is null then steps.new_id end as last_pid
from numbered_deletes as steps
asof left join numbered_deletes as onward
    on steps.new_id = onward.pid and steps.log_position < onward.log_position;

create or replace temp table path_ends as
with
    ends as (
        select distinct last_pid as pid
        from merge_steps
        where last_pid is not null
    )
select
    (select count(*) from numbered_deletes) + row_number() over (order by pid) - 1 as node,
    pid
from ends;

create or replace temp table merge_nodes as
select steps.node, coalesce(steps.onward, ends.node, -1) as parent
from merge_steps as steps
left join path_ends as ends on steps.last_pid = ends.pid
union all
select node, -1 as parent
from path_ends;
