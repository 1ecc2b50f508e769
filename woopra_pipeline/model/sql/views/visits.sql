-- Living visit lines (R1).
--
-- Reads: log.lines.
-- Makes: visits.

create view visits as
select * exclude (type, log_position, earliest_at, latest_at, voided_by)
from log.lines
where voided_by is null and type = 'visit';
