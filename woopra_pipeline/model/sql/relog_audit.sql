-- The re-log audit (R6), for those delete lines only whose answer may have changed: new ones, ones
-- that now kill other rows, ones whose path changed or lost rows, and ones that still miss something
-- and whose path got new rows.

delete from log.audits
where log_position not in (select log_position from log.merges);

create or replace temp table audited_deletes as
with
    merges as (
        select *
        from log.merges
        where to_pid is not null
    ),
    upset_steps as (
        select path_first, path_last
        from merges
        where to_pid in (from disturbed_pids union all from redeleted_pids)
    ),
    grown_steps as (
        select path_first, path_last
        from merges
        where to_pid in (from grown_pids)
    ),
    incomplete as (
        select log_position, path_first
        from merges
        join log.audits using (log_position)
        where relogged_count < action_count
    )
select log_position
from merges
anti join log.audits using (log_position)
union
select log_position
from merges
semi join changed_kills using (log_position)
union
select log_position
from merges
join upset_steps
    on merges.path_first >= upset_steps.path_first and merges.path_first <= upset_steps.path_last
union
select log_position
from incomplete
join grown_steps
    on incomplete.path_first >= grown_steps.path_first
    and incomplete.path_first <= grown_steps.path_last;

set variable first_audited = (select min(log_position) from audited_deletes);

-- A time that no column can take stands in `extra`.
create or replace temp table killed_actions as
select
    dead_after as log_position,
    occurred_at,
    case when occurred_at is null then extra ->> 'time' end as odd_time,
    name,
    count(*) as action_count
from log.actions
semi join audited_deletes on actions.dead_after = audited_deletes.log_position
group by all;

create or replace temp table path_pids as
with
    killing as (
        select log_position, path_first
        from log.merges
        semi join killed_actions using (log_position)
    )
select distinct killing.log_position, steps.to_pid as pid
from killing
join log.merges as steps
    on killing.path_first >= steps.path_first and killing.path_first <= steps.path_last
where steps.to_pid is not null;

delete from log.audits
where log_position in (from audited_deletes);

insert into log.audits by name
with
    candidates as (
        select
            path_pids.log_position,
            occurred_at,
            case when occurred_at is null then extra ->> 'time' end as odd_time,
            name
        from log.actions as actions
        join path_pids
            on actions.pid = path_pids.pid and actions.log_position > path_pids.log_position
        where actions.log_position > getvariable('first_audited')
    ),
    relogged_actions as (
        select
            killed_actions.log_position,
            killed_actions.occurred_at,
            killed_actions.odd_time,
            killed_actions.name,
            least(any_value(killed_actions.action_count), count(*)) as relogged_count
        from candidates
        join killed_actions
            on candidates.log_position = killed_actions.log_position
            and candidates.occurred_at is not distinct from killed_actions.occurred_at
            and candidates.odd_time is not distinct from killed_actions.odd_time
            and candidates.name is not distinct from killed_actions.name
        group by all
    ),
    killed as (
        select log_position, sum(action_count)::bigint as action_count
        from killed_actions
        group by log_position
    ),
    relogged as (
        select log_position, sum(relogged_count)::bigint as relogged_count
        from relogged_actions
        group by log_position
    )
select
    log_position,
    coalesce(action_count, 0) as action_count,
    coalesce(relogged_count, 0) as relogged_count
from audited_deletes
left join killed using (log_position)
left join relogged using (log_position);

-- Profiles that may still be waiting for a re-log: the ends of merges of which something is missing,
-- and of merges that killed nothing we know of while a later log day is not loaded.
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

update profiles
set is_provisional = pid in (from provisional_pids)
where is_provisional <> (pid in (from provisional_pids));
