-- The public views: living rows only (R1).

create view visits as
select * exclude (type, log_position, earliest_at, latest_at, dead_after)
from log.lines
where dead_after is null and type = 'visit';

create view actions as
select * exclude (log_position, dead_after)
from log.actions
where dead_after is null;

create view profile_merges as
select * exclude (onward_position, hops, path_first, path_last, log_position)
from log.merges;

create view relog_audit as
select
    merges.log_day,
    merges.log_line,
    merges.from_pid,
    merges.to_pid,
    audits.action_count,
    audits.relogged_count,
    audits.action_count - audits.relogged_count as missing_count
from log.audits as audits
join log.merges as merges using (log_position);

create view pid_aliases as
select pid, pid as canonical_pid, 0 as hops
from profiles
union all
select pid, canonical_pid, hops
from log.departed_pids;

create view log_days as
select * exclude (fingerprint)
from log.days;

create view rejected_lines as
select * exclude (log_position)
from log.rejected_lines;

create view profile_properties as
select
    pid,
    key,
    value,
    json_as_text(value) as text,
    log_day(log_position) as log_day,
    log_line(log_position) as log_line
from log.last_writes;
