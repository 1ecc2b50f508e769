-- People, visits and actions in each day, week or month between two days, both included, as the report
-- `trend` counts them. `new` are those of the people who did their first action ever in it, as in the
-- cohorts of `retention`; the others are `returning`. A period that begins before the first day, or is
-- not over on the last one, is not `is_whole`.

with
    counts as (
        from trend(null, grain := $grain, since := $first::date, until := $last::date)
    ),
    calendar as materialized (
        select quarter, period
        from quarter_hours($grain, $first::date, $last::date, 'America/Los_Angeles')
    ),
    firsts as (
        select pid, min(occurred_at) as first_at
        from actions
        where has_time(occurred_at)
        group by pid
    ),
    beginners as (
        select calendar.period, count(*) as people
        from firsts
        join calendar on calendar.quarter = quarter_hour(firsts.first_at)
        group by calendar.period
    )
select
    counts.period,
    counts.people,
    coalesce(beginners.people, 0) as new,
    counts.people - coalesce(beginners.people, 0) as returning,
    counts.visits,
    counts.actions,
    counts.period >= $first::date
        and period_after(counts.period, 1, $grain) <= $last::date + 1 as is_whole
from counts
left join beginners on beginners.period = counts.period
order by counts.period
