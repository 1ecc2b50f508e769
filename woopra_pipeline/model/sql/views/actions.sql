-- Actions of living lines (R1).

create view actions as
select * exclude (log_position, dead_after)
from log.actions
where dead_after is null;
