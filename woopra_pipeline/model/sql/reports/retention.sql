-- Who comes back: of the people who did `first_event` for the first time in each period of a range,
-- how many did `again_event` in that period (0, not before the first) and in each one after it.
-- NULL instead of an event means any. If a period was not over when the last whole log day ended,
-- `people` and `share` are NULL.
--
-- Reads: actions, log_days, quarter_hours.
-- Makes: retention.

create or replace macro retention(
    first_event,
    again_event,
    grain := 'week',
    periods := 8,
    since := null,
    until := null,
    tz := 'America/Los_Angeles'
) as table
with
    known as (
        select
            coalesce(until::date, logged.last_day) as last_day,
            day_starts_at(logged.last_whole_day + 1, 'America/Los_Angeles') as known_until
        from (
            select
                max(log_days.log_day) as last_day,
                max(log_days.log_day) filter (where not log_days.is_open) as last_whole_day
            from log_days
        ) as logged
    ),
    calendar as materialized (
        select quarter, day, period
        from quarter_hours(
            grain,
            since,
            greatest(until::date, (select max(log_days.log_day) from log_days)),
            tz
        )
    ),
    firsts as (
        select actions.pid, min(actions.occurred_at) as first_at
        from actions
        where has_time(actions.occurred_at) and (first_event is null or actions.name = first_event)
        group by actions.pid
    ),
    members as materialized (
        select firsts.pid, firsts.first_at, calendar.period as cohort
        from firsts
        join calendar on calendar.quarter = quarter_hour(firsts.first_at)
        where calendar.day <= (select known.last_day from known)
    ),
    cohorts as (
        select in_range.cohort, count(members.pid) as size
        from (
            select distinct calendar.period as cohort
            from calendar
            where calendar.day <= (select known.last_day from known)
        ) as in_range
        left join members on members.cohort = in_range.cohort
        group by in_range.cohort
    ),
    comings as (
        select distinct members.cohort, calendar.period, actions.pid
        from actions
        join members on members.pid = actions.pid
        join calendar on calendar.quarter = quarter_hour(actions.occurred_at)
        where actions.occurred_at >= members.first_at
            and (again_event is null or actions.name = again_event)
    ),
    counts as (
        select comings.cohort, comings.period, count(*) as people
        from comings
        group by comings.cohort, comings.period
    ),
    frame as (
        select
            cohorts.cohort,
            cohorts.size,
            numbers.number,
            period_after(cohorts.cohort, numbers.number, grain) as starts_on,
            coalesce(
                day_starts_at(period_after(cohorts.cohort, numbers.number + 1, grain), tz)
                    <= (select known.known_until from known),
                false
            ) as is_over
        from cohorts
        cross join (select unnest(range(periods)) as number) as numbers
    )
select
    frame.cohort,
    frame.size,
    frame.number as period,
    case when frame.is_over then coalesce(counts.people, 0) end as people,
    case when frame.is_over then coalesce(counts.people, 0) / nullif(frame.size, 0) end as share
from frame
left join counts on counts.cohort = frame.cohort and counts.period = frame.starts_on
order by frame.cohort, frame.number;
