-- The log days between the last one in the model and the last one that could be there by now. One
-- that was only followed while it went on is not there yet.
--
-- Reads: log_days.

select
    max(log_day) as last_log_day,
    $due_day as due_day,
    $due_day - max(log_day) as days
from log_days
where not is_open
having days > 0
