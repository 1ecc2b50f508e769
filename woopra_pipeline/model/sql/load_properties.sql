-- Profile properties of the days that are being added. Their line has the pid and what voids it.
--
-- Reads: properties_log.
-- Writes: log.properties.

insert into log.properties
select log_position(log_day, log_line), key, value
from properties_log;
