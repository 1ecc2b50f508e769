-- Visits and actions a day, on average over each bin, by when they happened in Los Angeles. They
-- are counted by hour first: that is plain arithmetic, and only thousands of hours are left for
-- the calendar.

with
    hours as (
        select epoch_ms(started_at) // 3600000 as hours_since_1970, count(*) as visits, 0 as actions
        from visits
        where started_at >= timezone('America/Los_Angeles', $first::timestamp)
            and started_at < timezone('America/Los_Angeles', $last::date + interval 1 day)
        group by hours_since_1970
        union all
        select epoch_ms(occurred_at) // 3600000 as hours_since_1970, 0, count(*)
        from actions
        where occurred_at >= timezone('America/Los_Angeles', $first::timestamp)
            and occurred_at < timezone('America/Los_Angeles', $last::date + interval 1 day)
        group by hours_since_1970
    ),
    days as (
        select
            timezone('America/Los_Angeles', to_timestamp(hours_since_1970 * 3600))::date as day,
            sum(visits) as visits,
            sum(actions) as actions
        from hours
        group by day
    ),
    calendar as (
        select unnest(generate_series($first::date, $last::date, interval 1 day))::date as day
    )
select
    date_trunc($bin, calendar.day)::date as day,
    (coalesce(sum(visits), 0) / count(*))::double as visits,
    (coalesce(sum(actions), 0) / count(*))::double as actions
from calendar
left join days using (day)
group by all
order by all
