-- R6: merges whose voided actions were not all logged again. That may take a few days, so the last
-- loaded days are left out. Merges whose path ends with a profile that was deleted for good are
-- left out too: its actions will not be logged again, and there is nothing to do.
--
-- Reads: log_days, profile_merges, relog_audit.

select log_day, log_line, from_pid, to_pid, action_count, missing_count
from relog_audit
semi join profile_merges as merges
    on relog_audit.log_day = merges.log_day
    and relog_audit.log_line = merges.log_line
    and merges.canonical_pid is not null
where missing_count > 0
    and log_day <= (select max(log_day) - $days_of_grace from log_days)
order by log_day desc, log_line desc
