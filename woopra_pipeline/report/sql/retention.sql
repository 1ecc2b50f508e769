-- Of the people first seen in each of the last weeks, how many came in that week and in each of the
-- weeks after it. Weeks begin on Monday in Los Angeles; only whole ones are counted.

with
    weeks as (
        select
            week::date as week,
            timezone('America/Los_Angeles', week) as starts_at,
            timezone('America/Los_Angeles', week + interval 7 day) as ends_at
        from (
            select
                unnest(
                    generate_series(
                        greatest(
                            date_trunc('week', $first::date + 6),
                            date_trunc('week', $last::date + 1 - 7 * $weeks)
                        ),
                        $last::date - 6,
                        interval 7 day
                    )
                ) as week
        )
    ),
    cohorts as (
        select pid, week as cohort
        from profiles
        join weeks on first_seen_at >= starts_at and first_seen_at < ends_at
    ),
    comings as (
        select distinct pid, week
        from visits
        join weeks on started_at >= starts_at and started_at < ends_at
    )
select
    cohort,
    date_diff('week', cohort, week) as weeks_later,
    count(*) as people
from cohorts
join comings using (pid)
where week >= cohort
group by all
order by all
