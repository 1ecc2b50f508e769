-- The delete lines in the history of a pid: its own, those on its path, and those whose paths lead
-- through it. Paths are intervals of path_first (R4). A path may lead through a pid several times;
-- of nested intervals, the outermost is enough.
--
-- Reads: log.audits, log.lines, log.merges, profiles.

with
    own as (
        select *
        from log.merges
        where from_pid = $pid
    ),
    path as (
        select steps.*
        from log.merges as steps
        join (
            from own
            anti join profiles on own.from_pid = profiles.pid
            order by log_position desc
            limit 1
        ) as departure
            on departure.path_first >= steps.path_first
            and departure.path_first <= steps.path_last
    ),
    all_arrivals as (
        select
            path_first,
            path_last,
            max(path_last) over (
                order by path_first rows between unbounded preceding and 1 preceding
            ) as last_before
        from log.merges
        where to_pid = $pid
    ),
    arrivals as (
        select path_first, path_last
        from all_arrivals
        where last_before is null or last_before < path_first
    ),
    merged_into as (
        select merges.*
        from log.merges as merges
        join arrivals
            on merges.path_first >= arrivals.path_first
            and merges.path_first <= arrivals.path_last
    ),
    told as (
        select 'own' as part, * from own
        union all
        select 'path' as part, * from path
        union all
        select 'into' as part, * from merged_into
    ),
    voided as (
        select
            voided_by as log_position,
            count(*) as visit_count,
            sum(action_count)::bigint as action_count
        from log.lines
        semi join told on lines.voided_by = told.log_position
        where type = 'visit'
        group by voided_by
    )
select
    told.part,
    told.log_day,
    told.log_line,
    told.from_pid,
    told.to_pid,
    coalesce(voided.visit_count, 0) as visit_count,
    coalesce(voided.action_count, 0) as action_count,
    audits.relogged_count
from told
left join voided using (log_position)
left join log.audits as audits using (log_position)
order by told.part, told.log_position;
