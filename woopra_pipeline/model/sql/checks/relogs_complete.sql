-- R6: merges whose voided actions were not all logged again. One may take a few days to be, so the
-- last ones that are loaded are left out.
--
-- Reads: log_days, relog_audit.

select log_day, log_line, from_pid, to_pid, action_count, missing_count
from relog_audit
where missing_count > 0
    and log_day <= (select max(log_day) - $days_of_grace from log_days)
order by log_day desc, log_line desc
