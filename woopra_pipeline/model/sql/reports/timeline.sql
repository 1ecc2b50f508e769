-- Everything a person did, in the order of time, given any pid that the person ever had: visits,
-- their actions, and the merges that made the profile. A merge has no time in the log: it is placed
-- on its log day, after everything that it voided.
--
-- Reads: actions, log.lines, pid_aliases, profile_merges, visits.
-- Makes: timeline.

create or replace macro timeline(any_pid) as table
with
    person as materialized (
        select aliases.canonical_pid as current_pid
        from pid_aliases as aliases
        where aliases.pid = any_pid
    ),
    merges as (
        select
            merges.*,
            log_position(merges.log_day, merges.log_line) as position
        from profile_merges as merges
        join person on person.current_pid = merges.canonical_pid
    ),
    voided as (
        select lines.voided_by as position, max(lines.latest_at) as latest_at
        from log.lines
        where lines.voided_by in (select merges.position from merges)
        group by lines.voided_by
    ),
    placed_merges as (
        select
            merges.*,
            -- Of two merges, the one that was logged later comes later.
            max(
                least(
                    greatest(
                        voided.latest_at,
                        timezone('America/Los_Angeles', merges.log_day::timestamp)
                    ),
                    timezone('America/Los_Angeles', (merges.log_day + 1)::timestamp)
                )
            ) over (order by merges.position) as sorted_by
        from merges
        left join voided on voided.position = merges.position
    ),
    happened as (
        select
            visits.started_at as sorted_by,
            1 as sorted_then_by,
            visits.started_at as occurred_at,
            'visit' as kind,
            visits.referrer_type as name,
            json_object(
                'referrer_url', visits.referrer_url,
                'landing_page', visits.landing_page,
                'country', visits.country,
                'city', visits.city,
                'browser', visits.browser,
                'os', visits.os,
                'device', visits.device,
                'duration', visits.duration
            ) as properties,
            visits.log_day,
            visits.log_line,
            null::integer as action_index
        from visits
        join person on person.current_pid = visits.pid
        union all
        select
            actions.occurred_at,
            2,
            actions.occurred_at,
            'action',
            actions.name,
            actions.properties,
            actions.log_day,
            actions.log_line,
            actions.action_index
        from actions
        join person on person.current_pid = actions.pid
        union all
        select
            merges.sorted_by,
            3,
            null,
            'merge',
            merges.from_pid,
            json_object('from_pid', merges.from_pid, 'to_pid', merges.to_pid),
            merges.log_day,
            merges.log_line,
            null
        from placed_merges as merges
    )
select
    row_number() over (
        order by
            happened.sorted_by nulls first,
            happened.sorted_then_by,
            happened.log_day,
            happened.log_line,
            happened.action_index
    ) as place,
    happened.occurred_at,
    happened.kind,
    happened.name,
    happened.properties,
    happened.log_day,
    happened.log_line,
    happened.action_index
from happened
order by place;
