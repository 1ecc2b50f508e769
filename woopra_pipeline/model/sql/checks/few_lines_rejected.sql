-- Days of the last loaded week with more than a small share of lines that could not be read.
--
-- Reads: log_days.

select
    log_day,
    rejected_count,
    line_count,
    round(100 * rejected_count / line_count, 2) as percent,
    rejected_count > $serious_share * line_count as is_serious
from log_days
where log_day > (select max(log_day) - 7 from log_days)
    and rejected_count > $share * line_count
order by log_day
