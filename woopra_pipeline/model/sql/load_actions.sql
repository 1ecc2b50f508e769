-- Actions of the days that are being added. The delete that voids a line also voids its actions.
--
-- Reads: actions_log, voided_lines.
-- Writes: log.actions.

insert into log.actions by name
with
    actions as (
        select *, log_position(log_day, log_line) as log_position
        from actions_log
    )
select actions.*, voided_lines.voided_by
from actions
left join voided_lines using (log_position);

drop table voided_lines;
