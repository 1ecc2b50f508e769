-- Lines that could not be read (R8).
--
-- Reads: log.rejected_lines.
-- Makes: rejected_lines.

create view rejected_lines as
select * exclude (log_position)
from log.rejected_lines;
