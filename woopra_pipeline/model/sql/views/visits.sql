-- Living visit lines (R1).

create view visits as
select * exclude (type, log_position, earliest_at, latest_at, dead_after)
from log.lines
where dead_after is null and type = 'visit';
