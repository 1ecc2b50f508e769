-- The most frequent ways on from an event: what people did after they did it for the first time, as
-- many actions as `depth` says. An action that is repeated at once counts once, unless `repeats`.
-- A way that ends earlier is all that these people did. `share` is that of all who did `start`.
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
        select
            actions.pid,
            min(
                place_in_time(
                    actions.occurred_at,
                    actions.log_day,
                    actions.log_line,
                    actions.action_index
                )
            ) as place
        from actions
        where has_time(actions.occurred_at)
            and actions.name = start
            and coalesce(actions.occurred_at >= day_starts_at(since::date, tz), since is null)
            and coalesce(actions.occurred_at < day_starts_at(until::date + 1, tz), until is null)
        group by actions.pid
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
    ),
    in_order as (
        select
            done.pid,
            done.name,
            lag(done.name) over own as name_before,
            row_number() over own as number
        from done
        join starts on starts.pid = done.pid and starts.place <= done.place
        window own as (partition by done.pid order by done.place)
    ),
    ways as (
        select
            in_order.pid,
            -- Of texts that are NULL it would take none.
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
