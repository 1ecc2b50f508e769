-- Lines already in the model whose pid gained or lost a delete line: their death may have moved (R1).

create or replace temp table moved_deaths as
with
    lines as (
        select pid, log_position, dead_after
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
    lines.dead_after as earlier_dead_after,
    deletes.log_position as dead_after
from lines
asof left join deletes
    on lines.pid = deletes.pid and lines.log_position < deletes.log_position
where lines.dead_after is distinct from deletes.log_position;

update log.lines
set dead_after = moved_deaths.dead_after
from moved_deaths
where lines.log_position = moved_deaths.log_position;

update log.actions
set dead_after = moved_deaths.dead_after
from moved_deaths
where actions.log_position = moved_deaths.log_position;

insert into changed_kills
select earlier_dead_after from moved_deaths
union
select dead_after from moved_deaths;

insert into disturbed_pids
select distinct pid
from moved_deaths;
