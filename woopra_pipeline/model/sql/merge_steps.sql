-- Each delete line as a node, numbered in log order, with the next node on its path (R4): the first
-- delete of its target after it.

create or replace temp table merge_nodes as
select row_number() over (order by log_position) - 1 as node, log_position, pid, new_id
from log.deletes;

create or replace temp table merge_steps as
select steps.node, coalesce(onward.node, -1) as onward
from merge_nodes as steps
asof left join merge_nodes as onward
    on steps.new_id = onward.pid and steps.log_position < onward.log_position;
