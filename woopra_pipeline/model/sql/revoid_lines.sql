-- Lines already in the model whose pid gained or lost a delete line: what voids them may
-- have changed (R1).
--
-- Reads: log.actions, log.deletes, log.lines, redeleted_pids.
-- Writes: departed_actions, disturbed_pids, log.actions, log.lines, revived_lines,
--     revoiding_deletes.
-- Makes: revoided_lines.

create or replace temp table revoided_lines as
with
    lines as (
        select pid, log_position, voided_by
        from log.lines
        semi join redeleted_pids using (pid)
    ),
    deletes as (
        select pid, log_position
        from log.deletes
        semi join redeleted_pids using (pid)
    )
select
    lines.pid,
    lines.log_position,
    lines.voided_by as earlier_voided_by,
    deletes.log_position as voided_by
from lines
asof left join deletes
    on lines.pid = deletes.pid and lines.log_position < deletes.log_position
where lines.voided_by is distinct from deletes.log_position;

update log.lines
set voided_by = revoided_lines.voided_by
from revoided_lines
where lines.log_position = revoided_lines.log_position;

update log.actions
set voided_by = revoided_lines.voided_by
from revoided_lines
where actions.log_position = revoided_lines.log_position;

insert into departed_actions
select name, log_day, log_line, occurred_at, properties
from log.actions
semi join (
    select log_position
    from revoided_lines
    where earlier_voided_by is null
) using (log_position)
where name is not null;

insert into revived_lines
select log_position
from revoided_lines
where voided_by is null;

insert into revoiding_deletes
select earlier_voided_by from revoided_lines
union
select voided_by from revoided_lines;

insert into disturbed_pids
select distinct pid
from revoided_lines;
