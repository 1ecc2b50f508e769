-- Types that are not what they were before the last log day, with the first line that the earlier type
-- cannot take; without a line if what it could not take has gone.
--
-- Reads: log.type_changes.

select coalesce(event, 'people') as event, key, earlier_type, type, log_day, log_line
from log.type_changes
order by event, key
