-- Pids without a profile (R5). The alias of a deleted pid is the end of the path of its last
-- delete. The alias of a pid that was only ever named as a target is the pid itself.
--
-- Reads: log.merges, profiles.
-- Writes: log.departed_pids.

delete from log.departed_pids;

insert into log.departed_pids by name
with
    last_deletes as (
        select
            from_pid as pid,
            -- A struct, because max_by skips NULL, and the path of a last delete for good has no
            -- pid at its end.
            max_by({'canonical_pid': canonical_pid, 'hops': hops}, log_position) as path
        from log.merges
        group by from_pid
    ),
    targets as (
        select distinct to_pid as pid
        from log.merges
        where to_pid is not null
    ),
    departed as (
        select pid, path.canonical_pid, path.hops
        from last_deletes
        union all
        select pid, pid, 0
        from targets
        anti join last_deletes using (pid)
    )
select *
from departed
anti join profiles using (pid);
