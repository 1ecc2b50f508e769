-- Visit and identify lines of the days that are being added, each with what voids it (R1): the first
-- delete of its pid that comes after it. Only pids that were ever deleted need the search.
--
-- Reads: actions_log, log.deletes, visits_log.
-- Writes: added_days, grown_pids, log.lines, revoiding_deletes.
-- Makes: action_times, voided_lines.

create or replace temp table voided_lines as
with
    lines as (
        select pid, log_position(log_day, log_line) as log_position
        from visits_log
        semi join log.deletes using (pid)
    )
select lines.log_position, deletes.log_position as voided_by
from lines
asof join log.deletes as deletes
    on lines.pid = deletes.pid and lines.log_position < deletes.log_position;

-- R3: the time of an identify line is never used, nor is a time of 0 or below.
create or replace temp table action_times as
select
    log_position(log_day, log_line) as log_position,
    min(occurred_at) as earliest_at,
    max(occurred_at) as latest_at
from actions_log
where occurred_at > to_timestamp(0)
group by all;

insert into log.lines by name
with
    lines as (
        select
            *,
            log_position(log_day, log_line) as log_position,
            case when type = 'visit' and started_at > to_timestamp(0) then started_at end as own_at
        from visits_log
    )
select
    lines.* exclude (own_at),
    least(own_at, action_times.earliest_at) as earliest_at,
    greatest(own_at, action_times.latest_at) as latest_at,
    voided_lines.voided_by
from lines
left join action_times using (log_position)
left join voided_lines using (log_position);

drop table action_times;

insert into revoiding_deletes
select distinct voided_by
from voided_lines;

-- If a day has only grown, only its new lines are read here.
insert into added_days
select log_day, min(log_line)
from visits_log
group by log_day;

insert into grown_pids
select distinct pid
from visits_log;
