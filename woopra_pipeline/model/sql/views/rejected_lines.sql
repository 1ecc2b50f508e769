-- Lines that could not be read (R8).

create view rejected_lines as
select * exclude (log_position)
from log.rejected_lines;
