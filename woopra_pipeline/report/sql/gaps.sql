-- The stretches of log days between the first and the last one that are not in the model.

select log_day + 1 as first, next_log_day - 1 as last
from (
    select log_day, lead(log_day) over (order by log_day) as next_log_day
    from log_days
)
where next_log_day > log_day + 1
order by log_day
