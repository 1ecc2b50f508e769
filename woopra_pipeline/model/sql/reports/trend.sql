-- How often something was done: people, visits and actions in every period of a range of days, also
-- in those without any. A visit counts in each period in which it has such an action.
--
-- Reads: actions, quarter_hours.
-- Makes: trend.

create or replace macro trend(
    event,
    grain := 'day',
    since := null,
    until := null,
    tz := 'America/Los_Angeles'
) as table
with
    calendar as materialized (
        select quarter, period
        from quarter_hours(grain, since, until, tz)
    ),
    counts as (
        select
            calendar.period,
            count(distinct actions.pid) as people,
            count(distinct log_position(actions.log_day, actions.log_line)) as visits,
            count(*) as actions
        from actions
        join calendar on calendar.quarter = quarter_hour(actions.occurred_at)
        where has_time(actions.occurred_at) and (event is null or actions.name = event)
        group by calendar.period
    ),
    periods as (
        select distinct calendar.period
        from calendar
    )
select
    periods.period,
    coalesce(counts.people, 0) as people,
    coalesce(counts.visits, 0) as visits,
    coalesce(counts.actions, 0) as actions
from periods
left join counts on counts.period = periods.period
order by periods.period;
