-- Profiles of the disturbed and the grown pids (R2). A disturbed pid is computed from all its
-- living lines. For a pid that has only grown, its earlier values are merged with its new lines.
--
-- Reads: added_days, disturbed_pids, grown_pids, log.last_writes, log.lines, log.properties,
--     profiles.
-- Writes: departed_profiles, log.last_writes, profiles.
-- Makes: counted_lines, seen, touched_pids, writes.

create or replace temp table touched_pids as
select pid from disturbed_pids
union
select pid from grown_pids;

create or replace temp table counted_lines as
select pid, type, log_position, earliest_at, latest_at, action_count
from log.lines
semi join disturbed_pids using (pid)
where voided_by is null
union all
select pid, type, log_position, earliest_at, latest_at, action_count
from log.lines
semi join added_days
    on lines.log_day = added_days.log_day and lines.log_line >= added_days.first_line
anti join disturbed_pids using (pid)
where voided_by is null;

-- The last write of each key, in log order. The position decides, so that a late day's older write
-- does not undo a newer one.
create or replace temp table writes as
select
    counted_lines.pid,
    properties.key,
    -- It skips NULL, but a JSON null is not NULL.
    max_by(properties.value, log_position) as value,
    max(log_position) as log_position
from log.properties as properties
join counted_lines using (log_position)
group by all;

delete from log.last_writes
where pid in (from disturbed_pids);

delete from log.last_writes
using writes
where last_writes.pid = writes.pid
    and last_writes.key = writes.key
    and last_writes.log_position < writes.log_position;

insert into log.last_writes by name
select *
from writes
anti join log.last_writes using (pid, key);

drop table writes;

-- R3: the seen times and the counts come from visits alone.
create or replace temp table seen as
with
    known as (
        select pid, first_seen_at, last_seen_at, visit_count, action_count
        from profiles
        semi join grown_pids using (pid)
        anti join disturbed_pids using (pid)
        union all
        select pid, earliest_at, latest_at, (type = 'visit')::bigint, action_count
        from counted_lines
    )
select
    pid,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at,
    sum(visit_count)::bigint as visit_count,
    sum(action_count)::bigint as action_count
from known
group by pid;

drop table counted_lines;

insert into departed_profiles
select pid, first_seen_at, last_seen_at, properties
from profiles
where pid in (from touched_pids);

delete from profiles
where pid in (from touched_pids);

insert into profiles by name
with
    objects as (
        select
            pid,
            '{' || string_agg(to_json(key) || ':' || value, ',' order by key) || '}' as properties,
            max(value) filter (key = 'email') as email,
            max(value) filter (key = 'name') as name
        from log.last_writes
        semi join touched_pids using (pid)
        group by pid
    )
select
    seen.*,
    coalesce(objects.properties, '{}')::json as properties,
    json_as_text(objects.email) as email,
    json_as_text(objects.name) as name,
    false as is_provisional
from seen
left join objects using (pid);

drop table seen;
