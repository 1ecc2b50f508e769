-- R8: every physical line of a day's file is a visit, identify, delete, rejected, blank or erased
-- one.
--
-- Reads: log_days.

select
    log_day,
    line_count,
    visit_count + identify_count + delete_count + rejected_count + blank_count + erased_count as counted
from log_days
where counted <> line_count
order by log_day
