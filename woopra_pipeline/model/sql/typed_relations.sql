-- How many living rows each name of an action has, and how many profiles there are (R11). Python
-- decides later which new names a setting leaves out.
--
-- Reads: changed_rows, log.typed_relations.
-- Writes: log.typed_relations.
-- Makes: changed_relations.

create or replace temp table changed_relations as
select event, sum(change)::bigint as change
from changed_rows
group by event;

insert into log.typed_relations by name
select
    event,
    (select coalesce(max(relation), 0) from log.typed_relations)
        + row_number() over (order by event) as relation,
    0 as row_count
from changed_relations as changed
anti join log.typed_relations as known on changed.event is not distinct from known.event;

update log.typed_relations
set row_count = row_count + changed.change
from changed_relations as changed
where typed_relations.event is not distinct from changed.event;
