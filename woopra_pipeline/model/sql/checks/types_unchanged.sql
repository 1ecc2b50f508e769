-- Types that have changed since before the last log day, each with the first line that the earlier
-- type cannot take; without a line if the reason is that such a value was voided.
--
-- Reads: log.type_changes.

select coalesce(event, 'people') as event, key, earlier_type, type, log_day, log_line
from log.type_changes
order by event, key
