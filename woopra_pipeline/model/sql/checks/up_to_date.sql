-- The log days between the last one in the model and the last one that could be there by now.

select
    max(log_day) as last_log_day,
    $due_day as due_day,
    $due_day - max(log_day) as days
from log_days
having days > 0
