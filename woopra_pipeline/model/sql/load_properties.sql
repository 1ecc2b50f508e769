-- Profile properties of the days that are being added. Whose they are and what voids them, their
-- line says.
--
-- Reads: properties_log.
-- Writes: log.properties.

insert into log.properties
select log_position(log_day, log_line), key, value
from properties_log;
