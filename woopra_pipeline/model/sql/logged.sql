-- Everything that was ever logged, voided or not, with the pid under which it counts now, if any.
-- It is for readers who need the whole history. The columns stay stable, like those of the public
-- tables.
--
-- Reads: log.actions, log.lines, log.merges, log.properties.
-- Makes: logged_actions, logged_properties.

create macro logged_actions() as table
select
    actions.log_position,
    actions.action_index,
    actions.pid as logged_pid,
    actions.voided_by,
    case when actions.voided_by is null then actions.pid else merges.canonical_pid end as pid,
    actions.occurred_at,
    actions.name
from log.actions as actions
left join log.merges as merges
    on actions.voided_by = merges.log_position;

create macro logged_properties() as table
select
    log_position,
    lines.pid as logged_pid,
    lines.voided_by,
    case when lines.voided_by is null then lines.pid else merges.canonical_pid end as pid,
    properties.key,
    properties.value
from log.properties as properties
join log.lines as lines using (log_position)
left join log.merges as merges
    on lines.voided_by = merges.log_position;
