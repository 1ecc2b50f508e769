-- The last writes (R2), with their value as text too.
--
-- Reads: log.last_writes.
-- Makes: profile_properties.

create view profile_properties as
select
    pid,
    key,
    value,
    json_as_text(value) as text,
    log_day(log_position) as log_day,
    log_line(log_position) as log_line
from log.last_writes;
