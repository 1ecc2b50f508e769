-- Visits and actions a day, on average over each bin, as the report `trend` counts them.

select
    date_trunc($bin, period)::date as day,
    avg(visits) as visits,
    avg(actions) as actions
from trend(null, since := $first::date, until := $last::date)
group by all
order by all
