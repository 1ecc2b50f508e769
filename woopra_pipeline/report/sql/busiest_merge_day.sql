-- The log day with most merges; a delete line does not say its hour, so that is an average.

select log_day as day, count(*) as merges, ceil(count(*) / 24)::bigint as merges_an_hour
from profile_merges
where to_pid is not null
group by log_day
order by merges desc, day
limit 1
