-- Removes all rows of one day.
--
-- Reads: log.actions, log.deletes, log.lines.
-- Writes: departed_actions, disturbed_pids, log.actions, log.audits, log.days, log.deletes,
--     log.lines, log.properties, log.rejected_lines, redeleted_pids, revoiding_deletes,
--     thinned_pids.

insert into redeleted_pids
select distinct pid
from log.deletes
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

insert into disturbed_pids
select distinct pid
from log.lines
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

insert into thinned_pids
select distinct pid
from log.lines
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

insert into revoiding_deletes
select distinct voided_by
from log.lines
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

insert into departed_actions
select name, log_day, log_line, occurred_at, properties
from log.actions
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position')
    and voided_by is null
    and name is not null;

delete from log.lines
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

delete from log.actions
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

delete from log.properties
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

delete from log.deletes
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

delete from log.audits
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

delete from log.rejected_lines
where log_position >= getvariable('first_position')
    and log_position < getvariable('next_position');

delete from log.days
where log_position(log_day, 0) = getvariable('first_position');
