-- Lines and actions that are in the model more than once.
--
-- Reads: log.actions, log.deletes, log.lines, log.rejected_lines.

with
    actions_at_one_place as (
        select log_position, action_index, count(*) as times
        from log.actions
        group by log_position, action_index
        having times > 1
    ),
    lines_at_one_place as (
        select log_position, null as action_index, count(*) as times
        from (
            select log_position from log.lines
            union all
            select log_position from log.deletes
            union all
            select log_position from log.rejected_lines
        )
        group by log_position
        having times > 1
    )
select
    log_day(log_position) as log_day,
    log_line(log_position) as log_line,
    action_index,
    times
from (from lines_at_one_place union all from actions_at_one_place)
order by log_position, action_index nulls first
