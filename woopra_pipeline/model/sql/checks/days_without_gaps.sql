-- Stretches of log days that are missing between loaded ones. What was logged there is missing from
-- every table, and what a delete line there voided still counts.
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
