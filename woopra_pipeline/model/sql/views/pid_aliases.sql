-- Every pid with its alias: a living pid is its own alias; for others, the merges decide (R5).
--
-- Reads: log.departed_pids, profiles.
-- Makes: pid_aliases.

create view pid_aliases as
select pid, pid as canonical_pid, 0 as hops
from profiles
union all
select pid, canonical_pid, hops
from log.departed_pids;
