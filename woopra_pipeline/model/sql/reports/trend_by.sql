-- A trend, split by a property of the actions. The `top` values with the most actions in the whole
-- range have a row in every period. All other values together are `(other)`. Actions without the
-- property have the value NULL.
--
-- Reads: actions, quarter_hours.
-- Makes: trend_by.

create or replace macro trend_by(
    event,
    property,
    grain := 'day',
    top := 8,
    since := null,
    until := null,
    tz := 'America/Los_Angeles'
) as table
with
    calendar as materialized (
        select quarter, period
        from quarter_hours(grain, since, until, tz)
    ),
    done as materialized (
        select
            calendar.period,
            actions.properties ->> ('$."' || replace(property, '"', '\"') || '"') as value,
            actions.pid,
            log_position(actions.log_day, actions.log_line) as visit
        from actions
        join calendar on calendar.quarter = quarter_hour(actions.occurred_at)
        where has_time(actions.occurred_at) and (event is null or actions.name = event)
    ),
    ranked as (
        select done.value, row_number() over (order by count(*) desc, done.value) as place
        from done
        group by done.value
    ),
    shown as (
        select
            ranked.value,
            case when ranked.place <= top then ranked.value else '(other)' end as shown_value,
            least(ranked.place, top + 1) as place
        from ranked
    ),
    counts as (
        select
            done.period,
            shown.place,
            count(distinct done.pid) as people,
            count(distinct done.visit) as visits,
            count(*) as actions
        from done
        join shown on shown.value is not distinct from done.value
        group by done.period, shown.place
    ),
    frame as (
        select periods.period, places.place, places.shown_value
        from (select distinct calendar.period from calendar) as periods
        cross join (select distinct shown.place, shown.shown_value from shown) as places
    )
select
    frame.period,
    frame.shown_value as value,
    coalesce(counts.people, 0) as people,
    coalesce(counts.visits, 0) as visits,
    coalesce(counts.actions, 0) as actions
from frame
left join counts on counts.period = frame.period and counts.place = frame.place
order by frame.period, frame.place;
