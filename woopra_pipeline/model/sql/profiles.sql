-- Profiles of the touched pids, from their living lines (R2): the properties are the last write per
-- key in log order, the seen times and counts come from visits alone (R3).

delete from profiles
where pid in (from touched_pids);

insert into profiles by name
with
    living as (
        select pid, type, log_position, earliest_at, latest_at, action_count
        from log.lines
        semi join touched_pids using (pid)
        where dead_after is null
    ),
    seen as (
        select
            pid,
            min(earliest_at) as first_seen_at,
            max(latest_at) as last_seen_at,
            count(*) filter (type = 'visit') as visit_count,
            coalesce(sum(action_count), 0)::bigint as action_count
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
    seen.*,
    coalesce(objects.properties, '{}')::json as properties,
    json_as_text(objects.email) as email,
    json_as_text(objects.name) as name
from seen
left join objects using (pid);
