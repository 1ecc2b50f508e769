-- R11: as many rows were counted for the types as there are actions of each name, and profiles.
--
-- Reads: actions, log.typed_relations, people, profiles.

with
    rows_there as (
        select name as event, count(*) as row_count
        from actions
        where name is not null
        group by name
        union all
        select null, count(*)
        from profiles
    )
select
    coalesce(there.event, counted.event, 'people') as event,
    coalesce(counted.row_count, 0) as found,
    coalesce(there.row_count, 0) as expected
from rows_there as there
full join log.typed_relations as counted on there.event is not distinct from counted.event
where found <> expected
union all
select 'people', found, expected
from
    (select count(*) as found from people),
    (select count(*) as expected from profiles)
where found <> expected
