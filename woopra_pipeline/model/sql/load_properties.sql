-- Profile properties of the days that are being added. Their pid and their death are their line's.

insert into log.properties
select log_position(log_day, log_line), key, value
from properties_log;
