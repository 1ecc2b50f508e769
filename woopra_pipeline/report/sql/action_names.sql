-- The actions of people, without page views.

select
    coalesce(nullif(actions.name, ''), 'unknown') as name,
    count(*) as actions,
    count(distinct pid) as people
from actions
where actions.name is distinct from 'pv'
    and occurred_at >= timezone('America/Los_Angeles', $first::timestamp)
    and occurred_at < timezone('America/Los_Angeles', $last::date + interval 1 day)
group by all
order by actions desc, name
limit $rows
