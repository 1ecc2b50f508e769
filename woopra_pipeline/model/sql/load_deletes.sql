-- Delete lines of the days that are being added.
--
-- Reads: deletes_log.
-- Writes: log.deletes, redeleted_pids.

insert into log.deletes by name
select *, log_position(log_day, log_line) as log_position
from deletes_log
order by log_position;

insert into redeleted_pids
select distinct pid
from deletes_log;
