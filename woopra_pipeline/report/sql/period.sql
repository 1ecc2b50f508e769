-- The log days of the model, from the first to the last; NULL if there are none.

select min(log_day) as first, max(log_day) as last
from log_days
