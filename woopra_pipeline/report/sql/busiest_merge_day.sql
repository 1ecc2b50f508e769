-- The log day with the most merges. A delete line has no hour, so the rate is an average over the
-- hours of that day.

select
    log_day as day,
    count(*) as merges,
    ceil(
        count(*) / date_diff(
            'hour',
            timezone('America/Los_Angeles', log_day::timestamp),
            timezone('America/Los_Angeles', log_day + interval 1 day)
        )
    )::bigint as merges_an_hour
from profile_merges
where to_pid is not null
group by log_day
order by merges desc, day
limit 1
