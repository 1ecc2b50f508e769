-- The re-log audit (R6), for those delete lines only whose answer may have changed: new ones, ones
-- that now kill other rows, ones whose path changed or lost rows, and ones that still miss something
-- and whose path got new rows.

delete from log.audits
where log_position not in (select log_position from log.merges);

create or replace temp table upset_steps as
select path_first, path_last
from log.merges
where to_pid in (from disturbed_pids)
    or to_pid in (from redeleted_pids);

create or replace temp table grown_steps as
select path_first, path_last
from log.merges
where to_pid in (from grown_pids);

create or replace temp table incomplete_deletes as
select log_position, path_first
from log.merges
join log.audits using (log_position)
where relogged_count < action_count;

create or replace temp table audited_deletes as
select log_position
from log.merges
anti join log.audits using (log_position)
where to_pid is not null
union
select log_position
from log.merges
semi join changed_kills using (log_position)
where to_pid is not null
union
select log_position
from log.merges
join upset_steps
    on merges.path_first >= upset_steps.path_first and merges.path_first <= upset_steps.path_last
where to_pid is not null
union
select log_position
from incomplete_deletes as incomplete
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

create or replace temp table killing_deletes as
select log_position, path_first
from log.merges
semi join killed_actions using (log_position);

create or replace temp table path_pids as
select distinct killing.log_position, steps.to_pid as pid
from killing_deletes as killing
join log.merges as steps
    on killing.path_first >= steps.path_first and killing.path_first <= steps.path_last
where steps.to_pid is not null;

create or replace temp table wanted_actions as
select killed_actions.*, path_pids.pid
from killed_actions
join path_pids using (log_position);

create or replace temp table relogged_actions as
select
    wanted.log_position,
    wanted.occurred_at,
    wanted.odd_time,
    wanted.name,
    least(any_value(wanted.action_count), count(*)) as relogged_count
from log.actions as actions
join wanted_actions as wanted
    on actions.pid = wanted.pid
    and actions.occurred_at is not distinct from wanted.occurred_at
    and actions.name is not distinct from wanted.name
    and actions.log_position > wanted.log_position
where actions.log_position > getvariable('first_audited')
    and (case when actions.occurred_at is null then actions.extra ->> 'time' end)
        is not distinct from wanted.odd_time
group by all;

delete from log.audits
where log_position in (from audited_deletes);

insert into log.audits by name
with
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
