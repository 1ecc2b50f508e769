-- The re-log audit (R6), only for delete lines whose result may have changed: new ones, ones that
-- now void other rows, ones whose path has changed or lost rows, and ones with a missing action of
-- a kind that has now come to their path.
--
-- Two actions are of one kind if they agree in time and name. For each delete and kind it voided,
-- the question is how many actions of that kind come after the delete under a pid on its path. To
-- write out the paths would take the square of the length of a chain. So would a join by kind
-- alone, because along a chain one visit is logged again and again. So the audit only counts:
--
-- 1. A delete's path leads to a pid if the number of the delete (path_first) lies in the interval
--    of one of the merges into the pid. For each pid, these intervals are merged into disjoint
--    spans. All merges into one life of a pid make one span, and a pid has several spans only if it
--    lived several times and the paths do not come back to it.
-- 2. For the actions of one pid and kind there are two ways. Either every delete that voided the
--    kind is examined: is it in a span, and how many of the actions come after it? Or every action
--    is put into the sweep, once for each span. The way with fewer rows is used.
-- 3. The sweep counts, for each delete, the actions of the kind that come after it and in whose
--    span it lies. A span counts 1 from its first number on and -1 after its last one. So the count
--    is a sum over everything that is not to the right of the delete's number and comes after it in
--    the log. That needs two orders at once. For this, everything of a kind is ranked by its place
--    in the log. Of two ranks, the higher one has a 1 and the lower one a 0 at the highest binary
--    digit in which they differ, and above it they agree. So for each digit the ranks that agree
--    above it form a block, and in each block a running sum by number goes from the ones to the
--    zeros.
--
-- All tables here grow with the number of audited rows; the sweep also with the logarithm of the
-- largest kind. (There is one exception, a grid: many pids that all lived many times, with many
-- paths that each pass through many of these lives and void the same kinds. It grows with the power
-- 3/2.)
--
-- Reads: added_days, changed_steps, grown_pids, log.actions, log.audits, log.days, log.merges,
--     profiles, revoiding_deletes, thinned_pids.
-- Writes: log.audits, profiles.
-- Makes: affected_merges, arriving_actions, audited_actions, audited_deletes, kinds, paired,
--     paired_counts, paired_on_path, perhaps_audited, provisional_pids, reconsidered_pids,
--     relog_groups, relogs, spans, surely_audited, sweep_counts, swept, voided_actions,
--     voided_kinds.

delete from log.audits
where log_position not in (select log_position from log.merges);

-- Intervals of paths are nested or disjoint. So a path leads through a marked step if, among the
-- steps with numbers up to its own, the highest end of a marked one is not below its own number.
create or replace temp table affected_merges as
with
    marked as (
        select
            log_position,
            to_pid,
            path_first,
            path_last,
            log_position in (select log_position from changed_steps where not is_extension)
                or coalesce(to_pid in (from thinned_pids), false) as is_changed,
            log_position in (select log_position from changed_steps where is_extension)
                as is_extended,
            coalesce(to_pid in (from grown_pids), false) as is_grown
        from log.merges
    )
select
    log_position,
    to_pid,
    coalesce(max(case when is_changed then path_last end) over up_to >= path_first, false)
        as is_changed,
    coalesce(
        max(case when is_extended or is_grown then path_last end) over up_to >= path_first, false
    ) as may_gain,
    coalesce(min(case when is_extended then path_first end) over behind <= path_last, false)
        as is_extension
from marked
window
    up_to as (order by path_first rows between unbounded preceding and current row),
    behind as (order by path_first rows between 1 following and unbounded following);

create or replace temp table surely_audited as
select log_position
from affected_merges
where to_pid is not null
    and (
        is_changed
        or log_position not in (select log_position from log.audits)
        or log_position in (
            select log_position from revoiding_deletes where log_position is not null
        )
    );

create or replace temp table perhaps_audited as
select log_position
from affected_merges
join log.audits using (log_position)
anti join surely_audited using (log_position)
where may_gain and relogged_count < action_count;

-- A time that no column can take is in `extra`.
create or replace temp table voided_actions as
with
    looked_at as (
        from surely_audited
        union all
        from perhaps_audited
    )
select
    voided_by as log_position,
    occurred_at,
    case when occurred_at is null then extra ->> 'time' end as odd_time,
    name,
    count(*) as action_count
from log.actions
semi join looked_at on actions.voided_by = looked_at.log_position
group by all;

-- Actions that have come to a path: new ones, and those of pids to which a path now leads.
create or replace temp table arriving_actions as
with
    found as (
        select occurred_at, extra, name
        from log.actions
        semi join added_days
            on actions.log_day = added_days.log_day and actions.log_line >= added_days.first_line
        where pid in (from grown_pids)
            and exists (from perhaps_audited)
        union all
        select occurred_at, extra, name
        from log.actions
        where pid in (select to_pid from affected_merges where is_extension)
            and exists (from perhaps_audited)
    )
select distinct
    occurred_at,
    case when occurred_at is null then extra ->> 'time' end as odd_time,
    name
from found;

drop table affected_merges;

create or replace temp table audited_deletes as
select log_position
from surely_audited
union all
select distinct voided.log_position
from voided_actions as voided
semi join perhaps_audited using (log_position)
semi join arriving_actions as arriving
    on voided.occurred_at is not distinct from arriving.occurred_at
    and voided.odd_time is not distinct from arriving.odd_time
    and voided.name is not distinct from arriving.name;

drop table arriving_actions;
drop table perhaps_audited;
drop table surely_audited;

create or replace temp table audited_actions as
select *
from voided_actions
semi join audited_deletes using (log_position);

drop table voided_actions;

create or replace temp table kinds as
select
    row_number() over () as kind,
    occurred_at,
    odd_time,
    name,
    count(*) as delete_count,
    min(log_position) as first_voided
from audited_actions
group by occurred_at, odd_time, name;

create or replace temp table voided_kinds as
select kinds.kind, audited.log_position, merges.path_first, audited.action_count
from audited_actions as audited
join kinds
    on audited.occurred_at is not distinct from kinds.occurred_at
    and audited.odd_time is not distinct from kinds.odd_time
    and audited.name is not distinct from kinds.name
join log.merges as merges on audited.log_position = merges.log_position;

set variable first_audited = (select min(log_position) from audited_actions);

drop table audited_actions;

create or replace temp table relogs as
select kinds.kind, actions.pid, actions.log_position
from log.actions as actions
join kinds
    on actions.occurred_at is not distinct from kinds.occurred_at
    and (case when actions.occurred_at is null then actions.extra ->> 'time' end)
        is not distinct from kinds.odd_time
    and actions.name is not distinct from kinds.name
    and actions.log_position > kinds.first_voided
where actions.log_position > getvariable('first_audited')
    and actions.pid in (select to_pid from log.merges where to_pid is not null);

create or replace temp table spans as
with
    steps as (
        select
            to_pid as pid,
            path_first,
            path_last,
            max(path_last) over (
                partition by to_pid
                order by path_first
                rows between unbounded preceding and 1 preceding
            ) as last_before
        from log.merges
        where to_pid in (select pid from relogs)
    ),
    numbered as (
        select
            pid,
            path_first,
            path_last,
            sum(case when last_before is null or last_before + 1 < path_first then 1 else 0 end)
                over (
                    partition by pid
                    order by path_first
                    rows between unbounded preceding and current row
                ) as number
        from steps
    )
select pid, min(path_first) as span_first, max(path_last) as span_last
from numbered
group by pid, number;

create or replace temp table relog_groups as
with
    pids as (
        select
            pid,
            count(*) as span_count,
            min(span_first) as first_span,
            max(span_last) as last_span
        from spans
        group by pid
    ),
    groups as (
        select
            kind,
            pid,
            count(*) as relog_count,
            min(log_position) as first_relog,
            max(log_position) as last_relog
        from relogs
        group by kind, pid
    )
select
    groups.*,
    pids.* exclude (pid),
    kinds.delete_count > getvariable('sweep_factor') * relog_count * span_count as is_swept
from groups
join pids using (pid)
join kinds using (kind);

drop table kinds;

-- The first way: each delete with each pid and kind that may be on its path.
create or replace temp table paired as
select
    voided.kind,
    voided.log_position,
    voided.path_first,
    groups.pid,
    groups.span_count,
    case when voided.log_position < groups.first_relog then groups.relog_count end as relog_count
from relog_groups as groups
join voided_kinds as voided using (kind)
where not groups.is_swept
    and voided.log_position < groups.last_relog
    and voided.path_first between groups.first_span and groups.last_span;

create or replace temp table paired_on_path as
with
    placed as (
        select pid, span_first as path_first, span_last, null as kind, null as log_position,
            null as relog_count
        from spans
        where pid in (select pid from paired where span_count > 1)
        union all
        select pid, path_first, null, kind, log_position, relog_count
        from paired
        where span_count > 1
    ),
    reached as (
        select *, max(span_last) over (partition by pid order by path_first) as last_reached
        from placed
    )
select kind, pid, log_position, relog_count
from paired
where span_count = 1
union all
select kind, pid, log_position, relog_count
from reached
where kind is not null and last_reached >= path_first;

drop table paired;

create or replace temp table paired_counts as
with
    undecided as (
        select kind, pid
        from paired_on_path
        where relog_count is null
    ),
    placed as (
        select kind, pid, log_position, 1 as action, false as is_delete
        from relogs
        semi join undecided using (kind, pid)
        union all
        select kind, pid, log_position, 0, true
        from paired_on_path
        where relog_count is null
    ),
    counted as (
        select
            *,
            sum(action) over (partition by kind, pid order by log_position desc) as relog_count
        from placed
    )
select kind, log_position, relog_count
from paired_on_path
where relog_count is not null
union all
select kind, log_position, relog_count
from counted
where is_delete;

drop table paired_on_path;

-- The second way: the sweep.
create or replace temp table swept as
with
    swept_spans as (
        select relogs.kind, relogs.log_position, spans.span_first, spans.span_last
        from relogs
        join relog_groups as groups using (kind, pid)
        join spans using (pid)
        where groups.is_swept
    ),
    placed as (
        select kind, log_position, span_first as number, 1 as change
        from swept_spans
        union all
        select kind, log_position, span_last + 1, -1
        from swept_spans
        union all
        select kind, log_position, path_first, 0
        from voided_kinds
        where kind in (select kind from relog_groups where is_swept)
    )
select
    *,
    row_number() over (partition by kind order by log_position) - 1 as log_rank,
    ceil(log2(count(*) over (partition by kind)))::integer as digits
from placed;

drop table relog_groups;
drop table relogs;
drop table spans;

create or replace temp table sweep_counts as
with
    by_digit as (
        select *, unnest(range(digits)) as digit
        from swept
    ),
    halves as (
        select kind, log_position, number, change, digit, log_rank >> (digit + 1) as block
        from by_digit
        where (log_rank >> digit) & 1 = (change <> 0)::integer
    ),
    summed as (
        select
            kind,
            log_position,
            change,
            sum(change) over (partition by kind, digit, block order by number) as relog_count
        from halves
    )
select kind, log_position, sum(relog_count) as relog_count
from summed
where change = 0
group by kind, log_position;

drop table swept;

delete from log.audits
where log_position in (from audited_deletes);

insert into log.audits by name
with
    relogged as (
        select kind, log_position, sum(relog_count) as relog_count
        from (
            from paired_counts
            union all
            from sweep_counts
        )
        group by kind, log_position
    ),
    counted as (
        select
            voided.log_position,
            sum(voided.action_count)::bigint as action_count,
            sum(least(voided.action_count, coalesce(relogged.relog_count, 0)))::bigint
                as relogged_count
        from voided_kinds as voided
        left join relogged using (kind, log_position)
        group by voided.log_position
    )
select
    audited.log_position,
    coalesce(counted.action_count, 0) as action_count,
    coalesce(counted.relogged_count, 0) as relogged_count
from audited_deletes as audited
left join counted using (log_position);

drop table audited_deletes;
drop table paired_counts;
drop table sweep_counts;
drop table voided_kinds;

-- Profiles that may still wait for a re-log: the ends of merges with missing actions, and of merges
-- that voided no known action while a later log day is not loaded.
set variable last_gap = (
    select max(log_day) - 1
    from (
        select log_day, lag(log_day) over (order by log_day) as day_before
        from log.days
    )
    where log_day - day_before > 1
);

create or replace temp table provisional_pids as
select distinct canonical_pid as pid
from log.merges
join log.audits using (log_position)
where canonical_pid is not null
    and (
        relogged_count < action_count
        or (action_count = 0 and log_day < getvariable('last_gap'))
    );

create or replace temp table reconsidered_pids as
select pid
from profiles
where is_provisional <> (pid in (from provisional_pids));

drop table provisional_pids;

update profiles
set is_provisional = not is_provisional
where pid in (from reconsidered_pids);
