-- All living rows of some days, actions with a name; with the first days, all profiles.
--
-- Reads: log.actions, profiles.
-- Makes: changed_rows.

create or replace temp view changed_rows as
select
    name as event,
    1 as change,
    seen_time(occurred_at) as first_at,
    seen_time(occurred_at) as last_at,
    properties
from log.actions
where voided_by is null
    and name is not null
    and log_position >= getvariable('first_position')
    and log_position < getvariable('next_position')
union all
select null, 1, first_seen_at, last_seen_at, properties
from profiles
where getvariable('with_profiles');
