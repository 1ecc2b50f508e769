-- Ranges of log days that are missing between loaded ones. Lines of these days are missing from
-- every table, and lines that their delete lines void still count.
--
-- Reads: log_days.

select
    day_before + 1 as first_missing_day,
    log_day - 1 as last_missing_day,
    log_day - day_before - 1 as days
from (
    select log_day, lag(log_day) over (order by log_day) as day_before
    from log_days
)
where days > 0
order by first_missing_day
