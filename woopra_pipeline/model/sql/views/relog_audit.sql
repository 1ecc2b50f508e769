-- The re-log audit (R6), with the delete lines it is about.
--
-- Reads: log.audits, log.merges.
-- Makes: relog_audit.

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
