-- The most frequent journeys from an event: what people did after they did it for the first time,
-- up to `depth` actions. An action that is repeated at once counts once, unless `repeats`. If a
-- journey is shorter, these people did nothing more. `share` is the share of all who did `start`.
--
-- To sort all actions of everybody would be the slowest step. So for each person only a few times
-- as many actions are sorted as a journey has. That is not enough for people who repeat actions
-- often: for them, all actions are sorted.
--
-- Reads: actions.
-- Makes: journeys.

create or replace macro journeys(
    start,
    depth := 4,
    top := 20,
    repeats := false,
    since := null,
    until := null,
    tz := 'America/Los_Angeles'
) as table
with
    starts as materialized (
        select actions.pid, min(actions.occurred_at) as started_at
        from actions
        where has_time(actions.occurred_at)
            and actions.name = start
            and coalesce(actions.occurred_at >= day_starts_at(since::date, tz), since is null)
            and coalesce(actions.occurred_at < day_starts_at(until::date + 1, tz), until is null)
        group by actions.pid
    ),
    first_times as (
        select
            actions.pid,
            any_value(starts.started_at) as started_at,
            min(actions.occurred_at, 4 * (depth + 1)) as times
        from actions
        join starts on starts.pid = actions.pid and starts.started_at <= actions.occurred_at
        group by actions.pid
    ),
    spans as materialized (
        select
            first_times.pid,
            first_times.started_at,
            list_last(first_times.times) as ends_at,
            len(first_times.times) < 4 * (depth + 1) as is_all
        from first_times
    ),
    first_done as (
        select
            actions.pid,
            actions.name,
            place_in_time(
                actions.occurred_at,
                actions.log_day,
                actions.log_line,
                actions.action_index
            ) as place
        from actions
        join spans
            on spans.pid = actions.pid
            and actions.occurred_at between spans.started_at and spans.ends_at
    ),
    -- Actions at the time of the start that are before it in the log do not count.
    start_places as materialized (
        select first_done.pid, min(first_done.place) as place
        from first_done
        where first_done.name = start
        group by first_done.pid
    ),
    first_in_order as (
        select
            first_done.pid,
            first_done.name,
            first_done.place,
            lag(first_done.name) over own as name_before,
            row_number() over own as number
        from first_done
        join start_places
            on start_places.pid = first_done.pid
            and start_places.place <= first_done.place
        window own as (partition by first_done.pid order by first_done.place)
    ),
    first_ways as materialized (
        select
            first_in_order.pid,
            -- Of texts that are NULL it would take none.
            list_transform(
                arg_min({'name': first_in_order.name}, first_in_order.number, depth + 1),
                lambda step: step.name
            ) as journey
        from first_in_order
        where repeats
            or first_in_order.number = 1
            or first_in_order.name is distinct from first_in_order.name_before
        group by first_in_order.pid
    ),
    left_over as materialized (
        select start_places.pid, start_places.place
        from first_ways
        join spans on spans.pid = first_ways.pid
        join start_places on start_places.pid = first_ways.pid
        where len(first_ways.journey) <= depth and not spans.is_all
    ),
    done as (
        select
            actions.pid,
            actions.name,
            place_in_time(
                actions.occurred_at,
                actions.log_day,
                actions.log_line,
                actions.action_index
            ) as place
        from actions
        where has_time(actions.occurred_at)
            and actions.pid in (select left_over.pid from left_over)
    ),
    in_order as (
        select
            done.pid,
            done.name,
            lag(done.name) over own as name_before,
            row_number() over own as number
        from done
        join left_over on left_over.pid = done.pid and left_over.place <= done.place
        window own as (partition by done.pid order by done.place)
    ),
    ways as (
        select first_ways.journey
        from first_ways
        where first_ways.pid not in (select left_over.pid from left_over)
        union all
        select
            list_transform(
                arg_min({'name': in_order.name}, in_order.number, depth + 1),
                lambda step: step.name
            ) as journey
        from in_order
        where repeats or in_order.number = 1 or in_order.name is distinct from in_order.name_before
        group by in_order.pid
    )
select
    ways.journey,
    count(*) as people,
    count(*) / (select count(*) from starts) as share
from ways
group by ways.journey
order by people desc, ways.journey
limit top;
