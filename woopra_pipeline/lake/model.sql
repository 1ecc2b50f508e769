-- The public tables of the model, computed from all parsed days: a pure function of their set (R7).
-- Every table is computed again each time, so there is no state that could be wrong.
--
-- This is Spark SQL. Spark and Sail run it without a change. DuckDB runs it with macros for the few
-- functions of Spark that it lacks (`duckdb_engine.py`). A `create table` is written out and read
-- back, a `create temporary view` is not. A view with the name of a public table is that table,
-- except for types and the order of columns. The comment of each query says what it reads; its
-- first line says what it makes.
--
-- Read from Parquet: the five tables of parsed days, for all days together (visits_log,
-- actions_log, properties_log, deletes_log, rejected_lines_log), and day_ledger, which has a row
-- for each day.
--
-- The order of the log is the order of log_position: the days since 1970-01-01, times 2 to the 32nd,
-- plus log_line.


-- LIFE (R1): a line lives if no delete line of its pid comes after it.

-- Delete lines.
-- Reads: deletes_log.
create table deletes as
select
    cast(unix_date(log_day) as bigint) * 4294967296 + log_line as log_position,
    log_day,
    log_line,
    pid,
    new_id
from deletes_log;

-- The last delete of each pid.
-- Reads: deletes.
create table last_deletes as
select pid, max(log_position) as log_position
from deletes
group by pid;

-- Visit and identify lines.
-- Reads: visits_log.
create temporary view logged_lines as
select *, cast(unix_date(log_day) as bigint) * 4294967296 + log_line as log_position
from visits_log;

-- Actions of visit lines.
-- Reads: actions_log.
create temporary view logged_actions as
select *, cast(unix_date(log_day) as bigint) * 4294967296 + log_line as log_position
from actions_log;

-- Visit and identify lines that live.
-- Reads: last_deletes, logged_lines.
create temporary view living_lines as
select logged_lines.*
from logged_lines
anti join last_deletes
    on logged_lines.pid = last_deletes.pid
    and logged_lines.log_position < last_deletes.log_position;

-- Living visits; an identify line is none (R3).
-- Reads: living_lines.
create temporary view visits as
select *
from living_lines
where type = 'visit';

-- Actions of living visits.
-- Reads: last_deletes, logged_actions.
create temporary view actions as
select logged_actions.*
from logged_actions
anti join last_deletes
    on logged_actions.pid = last_deletes.pid
    and logged_actions.log_position < last_deletes.log_position;


-- PROPERTIES (R2): the last write of the living lines counts, in the order of the log.

-- The last write of each key.
-- Reads: last_deletes, properties_log.
create table last_writes as
with
    writes as (
        select
            pid,
            key,
            value,
            cast(unix_date(log_day) as bigint) * 4294967296 + log_line as log_position
        from properties_log
    ),
    living_writes as (
        select writes.*
        from writes
        anti join last_deletes
            on writes.pid = last_deletes.pid
            and writes.log_position < last_deletes.log_position
    )
select
    pid,
    key,
    max_by(value, log_position) as value,
    max(log_position) as log_position
from living_writes
group by pid, key;

-- The same, with the value as text too: a string without its quotes, NULL for a JSON null. The log
-- day and the line are computed from the position.
-- Reads: last_writes.
create temporary view profile_properties as
select
    pid,
    key,
    value,
    case
        when substr(value, 1, 1) = '"' then get_json_object('{"value":' || value || '}', '$.value')
        when value <> 'null' then value
    end as text,
    date_from_unix_date(cast(shiftright(log_position, 32) as int)) as log_day,
    cast(log_position % 4294967296 as int) as log_line
from last_writes;


-- MERGES (R4): from each delete line, the path goes on with the first later delete of its target.

-- The next step from each merge: onward_position is the next delete line on the path. If there is
-- none, the path ends at the target: end_position is the first of all merges whose paths end with
-- the same pid, and stands for that pid. Both are NULL if a pid was deleted for good.
--
-- All deletes and all questions for a pid are read from the end of the log to its beginning. The
-- last delete before a question in this order is its answer.
-- Reads: deletes.
create table merge_steps as
with
    placed as (
        select pid, log_position, log_position as onward_position, 0 as is_question
        from deletes
        union all
        select new_id, log_position, cast(null as bigint), 1
        from deletes
        where new_id is not null
    ),
    answered as (
        select
            pid,
            log_position,
            is_question,
            min(onward_position) over (
                partition by pid
                order by log_position desc, is_question desc
                rows between unbounded preceding and current row
            ) as onward_position
        from placed
    ),
    ends as (
        select pid, min(log_position) as end_position
        from answered
        where is_question = 1 and onward_position is null
        group by pid
    ),
    steps as (
        select answered.log_position, answered.onward_position, ends.end_position
        from answered
        left join ends on answered.pid = ends.pid and answered.onward_position is null
        where answered.is_question = 1
    )
select deletes.log_position, steps.onward_position, steps.end_position
from deletes
left join steps on deletes.log_position = steps.log_position;

-- Here Python numbers the forest of these steps, and returns it as the table `forest`. For each
-- delete line it has the last delete line of its path (last_position) or, if the path ends at a
-- pid, one whose target is that pid; how many merges the path has (hops); and an interval of
-- numbers: the path of a leads through b if path_first of a is from path_first to path_last of b.

-- Delete lines with the end of their paths.
-- Reads: deletes, forest.
create table merges as
select
    deletes.log_day,
    deletes.log_line,
    deletes.log_position,
    deletes.pid as from_pid,
    deletes.new_id as to_pid,
    ends.new_id as canonical_pid,
    forest.hops,
    forest.path_first,
    forest.path_last
from deletes
join forest on deletes.log_position = forest.log_position
join deletes as ends on forest.last_position = ends.log_position;

-- The public columns of these.
-- Reads: merges.
create temporary view profile_merges as
select log_day, log_line, from_pid, to_pid, canonical_pid
from merges;


-- THE RE-LOG AUDIT (R6): were the actions that a merge voided logged again later, under a pid on
-- its path? Each merge is audited separately, by time and name, each as often as it occurred.
--
-- Two actions are of one kind if they agree in time and name. The kind is written as two columns,
-- micros and label, which are never NULL: a time that no column can take is in `extra`, and is put
-- into the label. Paths are not written out, nor are the pairs of a delete and an action of its
-- kind, because both grow with the square of the length of a chain. The audit only counts:
--
-- 1. For each pid, the intervals of the merges into it are merged into disjoint spans. A delete's
--    path leads to the pid if the delete's number is in one of its spans.
-- 2. For the actions of one pid and kind, either every delete that voided the kind is examined, or
--    every action is put into the sweep, once for each span: the way with fewer rows is used.
-- 3. The sweep counts, for each delete, the actions of the kind that come after it and in whose
--    span it lies. A span counts 1 from its first number on and -1 after its last one. So the count
--    is a sum over everything that is not to the right of the delete's number and comes after it in
--    the log: two orders at once. Everything of a kind is ranked by its place in the log. Of two
--    ranks the higher one has a 1 and the lower one a 0 at the highest binary digit in which they
--    differ, and above it they agree. So for each digit the ranks that agree above it form a block,
--    and in each block a running sum by number goes from the ones to the zeros.

-- Lines with actions, each with the delete that voided it: the first later one of its pid.
-- Reads: deletes, last_deletes, logged_lines.
create temporary view voided_lines as
with
    placed as (
        select
            logged_lines.pid,
            logged_lines.log_position,
            cast(null as bigint) as voided_by,
            1 as is_line
        from logged_lines
        semi join last_deletes
            on logged_lines.pid = last_deletes.pid
            and logged_lines.log_position < last_deletes.log_position
        where logged_lines.action_count > 0
        union all
        select pid, log_position, log_position, 0
        from deletes
    ),
    voided as (
        select
            log_position,
            is_line,
            min(voided_by) over (
                partition by pid
                order by log_position desc
                rows between unbounded preceding and current row
            ) as voided_by
        from placed
    )
select log_position, voided_by
from voided
where is_line = 1;

-- Actions by their kind.
-- Reads: logged_actions.
create temporary view kinds_of_actions as
select
    log_position,
    pid,
    coalesce(unix_micros(occurred_at), 0) as micros,
    case
        when occurred_at is null then '?' || coalesce(get_json_object(extra, '$.time'), '')
        else ''
    end || coalesce('=' || name, '') as label
from logged_actions;

-- How many actions of each kind each merge voided.
-- Reads: kinds_of_actions, merges, voided_lines.
create table voided_kinds as
select
    merges.log_position,
    merges.path_first,
    kinds_of_actions.micros,
    kinds_of_actions.label,
    count(*) as action_count
from kinds_of_actions
join voided_lines on kinds_of_actions.log_position = voided_lines.log_position
join merges on voided_lines.voided_by = merges.log_position
where merges.to_pid is not null
group by
    merges.log_position,
    merges.path_first,
    kinds_of_actions.micros,
    kinds_of_actions.label;

-- The kinds, with the number of deletes that voided them, and the first of these.
-- Reads: voided_kinds.
create temporary view kinds as
select micros, label, count(*) as delete_count, min(log_position) as first_voided
from voided_kinds
group by micros, label;

-- Actions of these kinds under pids that something was merged into.
-- Reads: kinds, kinds_of_actions, merges.
create table relogs as
with
    targets as (
        select distinct to_pid as pid
        from merges
        where to_pid is not null
    ),
    candidates as (
        select kinds_of_actions.*
        from kinds_of_actions
        semi join targets on kinds_of_actions.pid = targets.pid
    )
select candidates.micros, candidates.label, candidates.pid, candidates.log_position
from candidates
join kinds on candidates.micros = kinds.micros and candidates.label = kinds.label
where candidates.log_position > kinds.first_voided;

-- The spans of each pid.
-- Reads: merges.
create table spans as
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
        from merges
        where to_pid is not null
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

-- The actions of each pid and kind, counted, and which of the two ways is used.
-- Reads: kinds, relogs, spans.
create table relog_groups as
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
    grouped as (
        select
            micros,
            label,
            pid,
            count(*) as relog_count,
            min(log_position) as first_relog,
            max(log_position) as last_relog
        from relogs
        group by micros, label, pid
    )
select
    grouped.*,
    pids.span_count,
    pids.first_span,
    pids.last_span,
    kinds.delete_count > {sweep_factor} * relog_count * span_count as is_swept
from grouped
join pids on grouped.pid = pids.pid
join kinds on grouped.micros = kinds.micros and grouped.label = kinds.label;

-- The first way: each delete with each pid and kind that may be on its path. If all actions come
-- after the delete, their number is known already.
-- Reads: relog_groups, voided_kinds.
create table paired as
select
    voided_kinds.micros,
    voided_kinds.label,
    voided_kinds.log_position,
    voided_kinds.path_first,
    relog_groups.pid,
    relog_groups.span_count,
    case
        when voided_kinds.log_position < relog_groups.first_relog then relog_groups.relog_count
    end as relog_count
from relog_groups
join voided_kinds
    on relog_groups.micros = voided_kinds.micros and relog_groups.label = voided_kinds.label
where not relog_groups.is_swept
    and voided_kinds.log_position < relog_groups.last_relog
    and voided_kinds.path_first between relog_groups.first_span and relog_groups.last_span;

-- Those of them that are on its path: whose number lies in a span, not between two of them.
-- Reads: paired, spans.
create temporary view paired_on_path as
with
    placed as (
        select
            spans.pid,
            spans.span_first as path_first,
            spans.span_last,
            cast(null as bigint) as micros,
            cast(null as string) as label,
            cast(null as bigint) as log_position,
            cast(null as bigint) as relog_count
        from spans
        semi join paired on spans.pid = paired.pid and paired.span_count > 1
        union all
        select pid, path_first, null, micros, label, log_position, relog_count
        from paired
        where span_count > 1
    ),
    reached as (
        select *, max(span_last) over (partition by pid order by path_first) as last_reached
        from placed
    )
select micros, label, pid, log_position, relog_count
from paired
where span_count = 1
union all
select micros, label, pid, log_position, relog_count
from reached
where log_position is not null and last_reached >= path_first;

-- How many actions of the pid and kind come after the delete.
-- Reads: paired_on_path, relogs.
create temporary view paired_counts as
with
    undecided as (
        select micros, label, pid, log_position
        from paired_on_path
        where relog_count is null
    ),
    groups_of_these as (
        select distinct micros, label, pid
        from undecided
    ),
    placed as (
        select relogs.micros, relogs.label, relogs.pid, relogs.log_position, 1 as is_action
        from relogs
        semi join groups_of_these
            on relogs.micros = groups_of_these.micros
            and relogs.label = groups_of_these.label
            and relogs.pid = groups_of_these.pid
        union all
        select micros, label, pid, log_position, 0
        from undecided
    ),
    counted as (
        select
            *,
            sum(is_action) over (
                partition by micros, label, pid
                order by log_position desc
            ) as relog_count
        from placed
    )
select micros, label, log_position, relog_count
from paired_on_path
where relog_count is not null
union all
select micros, label, log_position, relog_count
from counted
where is_action = 0;

-- The second way: the rows of the sweep, ranked by their place in the log.
-- Reads: relog_groups, relogs, spans, voided_kinds.
create table swept as
with
    swept_groups as (
        select micros, label, pid
        from relog_groups
        where is_swept
    ),
    swept_kinds as (
        select distinct micros, label
        from swept_groups
    ),
    swept_spans as (
        select relogs.micros, relogs.label, relogs.log_position, spans.span_first, spans.span_last
        from relogs
        join swept_groups
            on relogs.micros = swept_groups.micros
            and relogs.label = swept_groups.label
            and relogs.pid = swept_groups.pid
        join spans on relogs.pid = spans.pid
    ),
    placed as (
        select micros, label, log_position, span_first as number, 1 as change
        from swept_spans
        union all
        select micros, label, log_position, span_last + 1, -1
        from swept_spans
        union all
        select voided_kinds.micros, voided_kinds.label, log_position, path_first, 0
        from voided_kinds
        semi join swept_kinds
            on voided_kinds.micros = swept_kinds.micros and voided_kinds.label = swept_kinds.label
    ),
    ranked as (
        select
            *,
            cast(
                row_number() over (partition by micros, label order by log_position) - 1 as bigint
            ) as log_rank,
            count(*) over (partition by micros, label) as row_count
        from placed
    )
select *, cast(ceil(log2(row_count)) as int) as digits
from ranked
where row_count > 1;

-- The sweep.
-- Reads: swept.
create temporary view sweep_counts as
with
    by_digit as (
        select *, explode(sequence(0, digits - 1)) as digit
        from swept
    ),
    halves as (
        select
            micros,
            label,
            log_position,
            number,
            change,
            digit,
            shiftright(log_rank, digit + 1) as block
        from by_digit
        where shiftright(log_rank, digit) % 2 = case when change = 0 then 0 else 1 end
    ),
    summed as (
        select
            micros,
            label,
            log_position,
            change,
            sum(change) over (
                partition by micros, label, digit, block
                order by number
            ) as relog_count
        from halves
    )
select micros, label, log_position, sum(relog_count) as relog_count
from summed
where change = 0
group by micros, label, log_position;

-- The results.
-- Reads: merges, paired_counts, sweep_counts, voided_kinds.
create table audits as
with
    counts as (
        select micros, label, log_position, relog_count
        from paired_counts
        union all
        select micros, label, log_position, relog_count
        from sweep_counts
    ),
    relogged as (
        select micros, label, log_position, sum(relog_count) as relog_count
        from counts
        group by micros, label, log_position
    ),
    counted as (
        select
            voided_kinds.log_position,
            sum(voided_kinds.action_count) as action_count,
            sum(least(voided_kinds.action_count, coalesce(relogged.relog_count, 0)))
                as relogged_count
        from voided_kinds
        left join relogged
            on voided_kinds.micros = relogged.micros
            and voided_kinds.label = relogged.label
            and voided_kinds.log_position = relogged.log_position
        group by voided_kinds.log_position
    )
select
    merges.log_day,
    merges.log_line,
    merges.from_pid,
    merges.to_pid,
    merges.canonical_pid,
    cast(coalesce(counted.action_count, 0) as bigint) as action_count,
    cast(coalesce(counted.relogged_count, 0) as bigint) as relogged_count
from merges
left join counted on merges.log_position = counted.log_position
where merges.to_pid is not null;

-- The same, with the number of missing actions.
-- Reads: audits.
create temporary view relog_audit as
select *, action_count - relogged_count as missing_count
from audits;


-- PROFILES (R2, R3): a pid has a profile if it has a living line. The seen times and the counts
-- come only from visits, and a time of zero or below is never used.

-- The pids with a profile, with their times and counts.
-- Reads: actions, living_lines.
create table seen as
with
    times as (
        select
            pid,
            case when type = 'visit' and started_at > timestamp_seconds(0) then started_at end
                as seen_at,
            case when type = 'visit' then 1 else 0 end as visit_count,
            action_count
        from living_lines
        union all
        select
            pid,
            case when occurred_at > timestamp_seconds(0) then occurred_at end,
            0,
            0
        from actions
    )
select
    pid,
    min(seen_at) as first_seen_at,
    max(seen_at) as last_seen_at,
    sum(visit_count) as visit_count,
    sum(action_count) as action_count
from times
group by pid;

-- Profiles without their properties. A profile is provisional if it is the end of a merge with
-- missing actions, or of a merge that voided no known action while a later log day is not there
-- (R6).
-- Reads: audits, day_ledger, seen.
create temporary view seen_profiles as
with
    days_before as (
        select log_day, lag(log_day) over (order by log_day) as day_before
        from day_ledger
    ),
    last_gap as (
        select max(unix_date(log_day)) - 1 as day_number
        from days_before
        where unix_date(log_day) - unix_date(day_before) > 1
    ),
    provisional as (
        select distinct audits.canonical_pid as pid
        from audits
        cross join last_gap
        where audits.relogged_count < audits.action_count
            or (audits.action_count = 0 and unix_date(audits.log_day) < last_gap.day_number)
    )
select
    seen.pid,
    seen.first_seen_at,
    seen.last_seen_at,
    seen.visit_count,
    seen.action_count,
    provisional.pid is not null as is_provisional
from seen
left join provisional on seen.pid = provisional.pid;

-- Profiles.
-- Reads: profile_properties, seen_profiles.
create temporary view profiles as
with
    objects as (
        select
            pid,
            {members} as members,
            max(case when key = 'email' then text end) as email,
            max(case when key = 'name' then text end) as name
        from profile_properties
        group by pid
    )
select
    seen_profiles.*,
    '{' || coalesce(objects.members, '') || '}' as properties,
    objects.email,
    objects.name
from seen_profiles
left join objects on seen_profiles.pid = objects.pid;


-- ALIASES (R5): a living pid is its own alias. The alias of a pid without a profile is the end of
-- the path of its last delete. The alias of a pid that was only ever named as a target is the pid
-- itself.

-- Every pid, and its alias.
-- Reads: last_deletes, merges, seen.
create temporary view pid_aliases as
with
    deleted as (
        select merges.from_pid as pid, merges.canonical_pid, merges.hops
        from merges
        join last_deletes on merges.log_position = last_deletes.log_position
    ),
    targets as (
        select distinct to_pid as pid
        from merges
        where to_pid is not null
    ),
    departed as (
        select pid, canonical_pid, hops
        from deleted
        union all
        select targets.pid, targets.pid, 0
        from targets
        anti join deleted on targets.pid = deleted.pid
    )
select pid, pid as canonical_pid, 0 as hops
from seen
union all
select departed.pid, departed.canonical_pid, departed.hops
from departed
anti join seen on departed.pid = seen.pid;


-- THE LINES OF THE FILES (R8).

-- Lines that could not be read.
-- Reads: rejected_lines_log.
create temporary view rejected_lines as
select *
from rejected_lines_log;

-- The days, with every line of their files accounted for.
-- Reads: day_ledger.
create temporary view log_days as
select *
from day_ledger;
