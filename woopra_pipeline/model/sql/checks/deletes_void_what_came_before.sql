-- R1: lines and actions that live although their pid was deleted later, and voided ones that name a
-- delete line of another pid, or an earlier one.
--
-- Reads: log.actions, log.deletes, log.lines.

with
    last_deletes as (
        select pid, max(log_position) as last_delete
        from log.deletes
        group by pid
    ),
    judged as (
        select 'line' as what, log_day, log_line, pid, log_position, voided_by
        from log.lines
        where voided_by is not null
            or pid in (select pid from last_deletes)
        union all
        select 'action' as what, log_day, log_line, pid, log_position, voided_by
        from log.actions
        where voided_by is not null
            or pid in (select pid from last_deletes)
    )
select what, log_day, log_line, pid, 'lives in spite of a later delete line' as problem
from judged
join last_deletes using (pid)
where voided_by is null
    and log_position < last_delete
union all
select what, log_day, log_line, pid, 'is void without a later delete line' as problem
from judged
anti join log.deletes as deletes
    on judged.voided_by = deletes.log_position
    and judged.pid = deletes.pid
    and judged.log_position < deletes.log_position
where voided_by is not null
