-- Which pages were looked at.

select
    coalesce(nullif(properties ->> '$.url', ''), nullif(properties ->> '$.title', ''), 'unknown')
        as name,
    count(*) as views,
    count(distinct pid) as people
from actions
where actions.name = 'pv'
    and occurred_at >= timezone('America/Los_Angeles', $first::timestamp)
    and occurred_at < timezone('America/Los_Angeles', $last::date + interval 1 day)
group by all
order by views desc, name
limit $rows
