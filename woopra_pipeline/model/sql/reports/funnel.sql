-- How many people go from one step to the next. A person reaches a step if some actions with the
-- names of all steps up to it follow one another in time (at the same time: in the log), all within
-- `days` after the first of them, wherever that first one stands.
--
-- For each action it is enough to know the latest start of a way that leads to it: any way on that an
-- earlier start allows, the latest one allows too. The latest way to a step's action comes from the
-- last action before it that reached the step before. `median_seconds` is the time between these
-- two, where a person first reached the step.
--
-- Sorting all that everybody did would cost most. So for each person the first way is looked for
-- without sorting: the first start, then the first action of each next step. If its last step is in
-- time, the person has reached by then all steps that can be reached, and later actions are left out.
--
-- Reads: actions.
-- Makes: funnel.

create or replace macro funnel(
    steps,
    days := 30,
    since := null,
    until := null,
    tz := 'America/Los_Angeles'
) as table
with recursive
    events as (
        select unnest(steps) as event, generate_subscripts(steps, 1) as step
    ),
    done as materialized (
        select
            events.step,
            actions.pid,
            actions.occurred_at,
            actions.log_day,
            actions.log_line,
            actions.action_index
        from actions
        join events on events.event = actions.name
        where has_time(actions.occurred_at)
            and (
                events.step > 1
                or (
                    coalesce(actions.occurred_at >= day_starts_at(since::date, tz), since is null)
                    and coalesce(
                        actions.occurred_at < day_starts_at(until::date + 1, tz),
                        until is null
                    )
                )
            )
    ),
    -- This compares times, not places in the log. If two steps have the same time, the way is not sure.
    first_ways as (
        select
            done.step,
            done.pid,
            min(done.occurred_at) as started_at,
            min(done.occurred_at) as reached_at,
            true as is_sure
        from done
        where done.step = 1
        group by done.step, done.pid
        union all
        select
            done.step,
            first_ways.pid,
            first_ways.started_at,
            min(done.occurred_at) as reached_at,
            min(done.occurred_at) > first_ways.reached_at as is_sure
        from first_ways
        join done
            on done.pid = first_ways.pid
            and done.step = first_ways.step + 1
            and done.occurred_at >= first_ways.reached_at
        group by done.step, first_ways.pid, first_ways.started_at, first_ways.reached_at
    ),
    finished as (
        select first_ways.pid, max(first_ways.reached_at) as finished_at
        from first_ways
        group by first_ways.pid
        having bool_and(first_ways.is_sure)
            and epoch_us(finished_at) - epoch_us(min(first_ways.started_at)) <= days * 86400000000
    ),
    needed as materialized (
        select
            done.step,
            done.pid,
            epoch_us(done.occurred_at) as instant,
            place_in_time(
                done.occurred_at,
                done.log_day,
                done.log_line,
                done.action_index
            ) as place
        from done
        left join finished on finished.pid = done.pid
        where done.occurred_at <= coalesce(finished.finished_at, done.occurred_at)
    ),
    reached as (
        select
            needed.step,
            needed.pid,
            needed.instant,
            needed.place,
            needed.instant as started_at,
            null::bigint as previous_at
        from needed
        where needed.step = 1
        union all
        select ways.step, ways.pid, ways.instant, ways.place, ways.started_at, ways.previous_at
        from (
            select
                both_steps.step,
                both_steps.pid,
                both_steps.instant,
                both_steps.place,
                both_steps.is_onward,
                last_value(both_steps.started_at ignore nulls) over way_here as started_at,
                last_value(both_steps.reached_at ignore nulls) over way_here as previous_at
            from (
                select
                    reached.step + 1 as step,
                    reached.pid,
                    reached.instant,
                    reached.place,
                    false as is_onward,
                    reached.started_at,
                    reached.instant as reached_at
                from reached
                where reached.step < len(steps)
                union all
                select
                    needed.step,
                    needed.pid,
                    needed.instant,
                    needed.place,
                    true as is_onward,
                    null as started_at,
                    null as reached_at
                from needed
                where needed.step = (select any_value(reached.step) + 1 from reached)
            ) as both_steps
            -- An action that is both steps is not on its own way: it stands before itself. (An asof
            -- join says this more plainly, but DuckDB takes what recursion makes for tiny, and
            -- loops.)
            window way_here as (
                partition by both_steps.pid
                order by both_steps.place, both_steps.is_onward desc
                rows between unbounded preceding and 1 preceding
            )
        ) as ways
        where ways.is_onward
            and ways.instant <= ways.started_at + (days * 86400000000)::bigint
    ),
    first_reached as (
        select
            reached.step,
            reached.pid,
            arg_min(reached.instant - reached.previous_at, reached.place) as microseconds
        from reached
        where reached.step > 1
        group by reached.step, reached.pid
    ),
    counts as (
        select 1 as step, count(distinct done.pid) as people, null::double as median_seconds
        from done
        where done.step = 1
        union all
        select
            first_reached.step,
            count(*) as people,
            median(first_reached.microseconds) / 1e6 as median_seconds
        from first_reached
        group by first_reached.step
    ),
    by_step as (
        select events.step, events.event, coalesce(counts.people, 0) as people, counts.median_seconds
        from events
        left join counts on counts.step = events.step
    )
select
    by_step.step,
    by_step.event,
    by_step.people,
    by_step.people / nullif(first_value(by_step.people) over in_order, 0) as of_first,
    by_step.people / nullif(lag(by_step.people) over in_order, 0) as of_previous,
    by_step.median_seconds
from by_step
window in_order as (order by by_step.step)
order by by_step.step;
