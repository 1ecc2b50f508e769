-- The model as of the end of a log day: the same rows, with every later line of the log left out.
--
-- Reads: log.actions, log.lines, log.merges, log.properties.
-- Makes: actions_as_of, lives_as_of, pid_aliases_as_of, profiles_as_of, visits_as_of.

create macro lives_as_of(log_position, voided_by, as_of) as
    log_position < log_position(as_of::date + 1, 0)
    and coalesce(voided_by >= log_position(as_of::date + 1, 0), true);

create macro visits_as_of(as_of) as table
select * exclude (type, log_position, earliest_at, latest_at, voided_by)
from log.lines
where type = 'visit' and lives_as_of(log_position, voided_by, as_of);

create macro actions_as_of(as_of) as table
select * exclude (log_position, voided_by)
from log.actions
where lives_as_of(log_position, voided_by, as_of);

create macro profiles_as_of(as_of) as table
with
    living as (
        select pid, type, log_position, earliest_at, latest_at, action_count
        from log.lines
        where lives_as_of(log_position, voided_by, as_of)
    ),
    seen as (
        select
            pid,
            min(earliest_at) as first_seen_at,
            max(latest_at) as last_seen_at,
            count(*) filter (type = 'visit') as visit_count,
            sum(action_count)::bigint as action_count
        from living
        group by pid
    ),
    last_writes as (
        select living.pid, properties.key, max_by(properties.value, living.log_position) as value
        from log.properties as properties
        join living using (log_position)
        group by all
    ),
    objects as (
        select
            pid,
            '{' || string_agg(to_json(key) || ':' || value, ',' order by key) || '}' as properties,
            max(value) filter (key = 'email') as email,
            max(value) filter (key = 'name') as name
        from last_writes
        group by pid
    )
select
    seen.pid,
    coalesce(objects.properties, '{}')::json as properties,
    json_as_text(objects.email) as email,
    json_as_text(objects.name) as name,
    seen.first_seen_at,
    seen.last_seen_at,
    seen.visit_count,
    seen.action_count
from seen
left join objects using (pid);

-- R5. A path as of a day is the part of the path up to its last delete that was logged by then: its
-- end. The path of each delete leads through exactly one such end. So the intervals of path_first
-- of these ends are disjoint, and the end of a delete is the nearest one to its left.
create macro pid_aliases_as_of(as_of) as table
with
    living as (
        select distinct pid
        from log.lines
        where lives_as_of(log_position, voided_by, as_of)
    ),
    deletes as (
        select *
        from log.merges
        where log_position < log_position(as_of::date + 1, 0)
    ),
    last_deletes as (
        select from_pid as pid, max_by({'path_first': path_first, 'hops': hops}, log_position) as own
        from deletes
        group by from_pid
    ),
    ends as (
        select path_first, hops, to_pid
        from deletes
        where onward_position is null
            or onward_position >= log_position(as_of::date + 1, 0)
    ),
    paths as (
        select
            last_deletes.pid,
            ends.to_pid as canonical_pid,
            (own.hops - ends.hops + (ends.to_pid is not null)::integer)::integer as hops
        from last_deletes
        asof join ends on own.path_first >= ends.path_first
    ),
    targets as (
        select distinct to_pid as pid
        from deletes
        where to_pid is not null
    )
select pid, pid as canonical_pid, 0 as hops
from living
union all
select pid, canonical_pid, hops
from paths
anti join living using (pid)
union all
select pid, pid, 0
from targets
anti join living using (pid)
anti join paths using (pid);
