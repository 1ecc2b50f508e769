-- R4, R5: merges whose path ends at a pid that has no profile, because nothing was logged under it.
-- That may take a few days, so the last loaded days are left out.
--
-- Reads: log_days, profile_merges, profiles.

select log_day, log_line, from_pid, to_pid, canonical_pid
from profile_merges
anti join profiles on profile_merges.canonical_pid = profiles.pid
where canonical_pid is not null
    and log_day <= (select max(log_day) - $days_of_grace from log_days)
order by log_day desc, log_line desc
