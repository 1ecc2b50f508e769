-- Lines and actions that stand more than once at their place in the log.

select 'action' as what, log_day, log_line, action_index, count(*) as times
from log.actions
group by log_position, log_day, log_line, action_index
having times > 1
union all
select 'line' as what, log_day, log_line, null as action_index, count(*) as times
from (
    select log_day, log_line, log_position from log.lines
    union all
    select log_day, log_line, log_position from log.deletes
    union all
    select log_day, log_line, log_position from log.rejected_lines
)
group by log_position, log_day, log_line
having times > 1
