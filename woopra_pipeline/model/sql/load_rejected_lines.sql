-- Lines of the days that are being added that could not be read (R8).
--
-- Reads: rejected_lines_log.
-- Writes: log.rejected_lines.

insert into log.rejected_lines by name
select *, log_position(log_day, log_line) as log_position
from rejected_lines_log;
