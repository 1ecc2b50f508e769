-- The log days of the model that are over, from the first to the last; NULL if there are none. A
-- part of a day would look like a drop.

select min(log_day) as first, max(log_day) as last
from log_days
where not is_open
