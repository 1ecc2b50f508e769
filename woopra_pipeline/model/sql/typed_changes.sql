-- The changes of an update in the living rows: actions with a name, and profiles. Each added row
-- counts 1, each removed row counts -1.
--
-- Reads: added_days, departed_actions, departed_profiles, log.actions, profiles, revived_lines,
--     touched_pids.
-- Makes: arrived_actions, changed_rows.

create or replace temp table arrived_actions as
select name as event, log_position, pid, log_day, log_line, action_index, occurred_at, properties
from log.actions
semi join added_days
    on actions.log_day = added_days.log_day and actions.log_line >= added_days.first_line
where voided_by is null and name is not null
union all
select name, log_position, pid, log_day, log_line, action_index, occurred_at, properties
from log.actions
semi join revived_lines using (log_position)
where name is not null;

create or replace temp view changed_rows as
select
    event,
    1 as change,
    seen_time(occurred_at) as first_at,
    seen_time(occurred_at) as last_at,
    properties
from arrived_actions
union all
select event, -1, seen_time(occurred_at), seen_time(occurred_at), properties
from departed_actions
union all
select null, 1, first_seen_at, last_seen_at, properties
from profiles
semi join touched_pids using (pid)
union all
select null, -1, first_seen_at, last_seen_at, properties
from departed_profiles;
