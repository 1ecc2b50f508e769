-- Actions of the days that are being added; an action dies with its line.

insert into log.actions by name
with
    actions as (
        select *, log_position(log_day, log_line) as log_position
        from actions_log
    )
select actions.*, dead_lines.dead_after
from actions
left join dead_lines using (log_position);
