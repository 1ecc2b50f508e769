-- What an analyst would write over `lines` (position, type, pid, time, visitor, actions): a line
-- counts unless a delete of its pid comes after it, and of a property the last write counts.
create view living as
select * exclude (is_voided)
from (
    select
        *,
        coalesce(
            bool_or(type = 'delete' or (type = 'system' and method = 'delete')) over (
                partition by pid
                order by position
                rows between 1 following and unbounded following
            ),
            false
        ) as is_voided
    from lines
)
where not is_voided and type in ('visit', 'identify');

create view visits as
select pid, position, make_timestamptz(time * 1000) as started_at, actions
from living
where type = 'visit';

create view actions as
select
    pid,
    make_timestamptz(action.time * 1000) as occurred_at,
    action.name as name,
    action.properties as properties
from (select pid, unnest(actions) as action from visits);

create view profile_properties as
select pid, key, arg_max(visitor -> ('$."' || key || '"'), position) ->> '$' as text
from (select pid, position, visitor, unnest(json_keys(visitor)) as key from living)
where key in ('plan', 'email')
group by pid, key;
