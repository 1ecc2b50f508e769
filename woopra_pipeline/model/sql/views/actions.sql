-- Actions of living lines (R1).
--
-- Reads: log.actions.
-- Makes: actions.

create view actions as
select * exclude (log_position, voided_by)
from log.actions
where voided_by is null;
