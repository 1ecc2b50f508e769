-- What the log shows of one import batch: for each action on its lines, by visitor, how often it
-- was to be imported, and how often it came without another explanation.
--
-- Reads import_lines, and from the model public tables, `logged_actions()` and
-- `logged_properties()`.
--
-- Variables: batch; identifiers, the keys of `visitor` that identify a visitor; first_position, the
-- start of the first day on which it may have been logged; sent_from and sent_to, between which
-- another batch must have been sent to be in the log since then too.

create or replace temp table sent_lines as
select
    batch = getvariable('batch') as is_ours,
    batch,
    line_number,
    line
from import_lines
where not is_dry_run
    and (
        batch = getvariable('batch')
        or (
            state = 'accepted'
            and shape <> 'profiles'
            and sent_at >= getvariable('sent_from')
            and sent_at < getvariable('sent_to')
        )
    );

create or replace temp table sent_actions as
with
    arrays as (
        select
            is_ours,
            batch,
            line_number,
            from_json(json_extract(line, '$.actions'), '["json"]') as actions
        from sent_lines
    ),
    actions as (
        select
            is_ours,
            batch,
            line_number,
            generate_subscripts(actions, 1) as place,
            unnest(actions) as action
        from arrays
    )
select
    is_ours,
    batch,
    line_number,
    place,
    (action ->> '$.time')::bigint as time,
    action ->> '$.name' as name
from actions;

-- From the other batches, only actions that could be taken for ours.
delete from sent_actions
where not is_ours
    and (time, name) not in (select (time, name) from sent_actions where is_ours);

create or replace temp table sent_identifiers as
with
    keys as (
        select unnest(getvariable('identifiers')) as key
    ),
    identifiers as (
        select
            is_ours,
            batch,
            line_number,
            key,
            trim(
                json_extract_string(
                    line, '/visitor/' || replace(replace(key, '~', '~0'), '/', '~1')
                )
            ) as text
        from sent_lines
        cross join keys
        where is_ours
            or (batch, line_number) in (select (batch, line_number) from sent_actions)
    )
select *
from identifiers
where text <> '';

-- The visitors with the identifiers: every line that ever set one, and the alias of its pid now.
create or replace temp table identified_pids as
select distinct key, trim(json_as_text(value)) as text, logged_pid, pid
from logged_properties()
where key in (select key from sent_identifiers)
    and trim(json_as_text(value)) in (select text from sent_identifiers);

create or replace temp table line_pids as
select distinct is_ours, batch, line_number, pid, logged_pid
from sent_identifiers
join identified_pids using (key, text);

-- Our actions, each with its visitor: a profile, or, if there is none, the identifier itself.
create or replace temp table wanted_actions as
with
    visitors as (
        select batch, line_number, coalesce(min(pid), min(key || ':' || text)) as visitor
        from sent_identifiers
        left join identified_pids using (key, text)
        where is_ours
        group by batch, line_number
    )
select visitor, line_number, time, name
from sent_actions
join visitors using (batch, line_number)
where is_ours;

create or replace temp table visitor_pids as
select distinct visitor, pid
from wanted_actions
join line_pids using (line_number)
where is_ours and pid is not null;

create or replace temp table visitor_logged_pids as
select distinct visitor, logged_pid
from wanted_actions
join line_pids using (line_number)
where is_ours;

create or replace temp table logged_actions as
select log_position, voided_by, logged_pid, pid, epoch_ms(occurred_at) as time, name
from logged_actions()
where (epoch_ms(occurred_at), name) in (select (time, name) from wanted_actions);

-- The actions that are there now, without those that were there before, wherever merges have moved
-- them since then. So actions that were only logged again do not count. Actions that came and were
-- deleted for good do count.
create or replace temp table arrivals as
with
    of_others as (
        select distinct visitor, time, name, batch, line_number, place
        from sent_actions
        join line_pids using (is_ours, batch, line_number)
        join visitor_pids using (pid)
        where not is_ours
    ),
    changes as (
        select visitor, time, name, 1 as change
        from logged_actions
        join visitor_pids using (pid)
        where voided_by is null
        union all
        select visitor, time, name, -1
        from logged_actions
        join visitor_pids using (pid)
        where log_position < getvariable('first_position')
            and (voided_by is null or voided_by >= getvariable('first_position'))
        union all
        select visitor, time, name, 1
        from logged_actions
        join visitor_logged_pids using (logged_pid)
        where log_position >= getvariable('first_position')
            and voided_by is not null
            and pid is null
        union all
        select visitor, time, name, -1
        from of_others
    )
select visitor, time, name, sum(change) as arrived
from changes
group by all;

-- Visitors with a merge whose re-log may not be complete yet.
create or replace temp table unsettled_visitors as
select visitor
from visitor_pids
join profiles using (pid)
where is_provisional
union
select visitor
from visitor_pids
join profile_merges on visitor_pids.pid = profile_merges.canonical_pid
join relog_audit using (log_day, log_line)
where missing_count > 0;

create or replace temp table found_actions as
with
    counted as (
        select visitor, time, name, list(line_number) as line_numbers, count(*) as wanted
        from wanted_actions
        group by all
    )
select
    line_numbers,
    wanted,
    least(wanted, greatest(coalesce(arrived, 0), 0)) as found,
    visitor in (from unsettled_visitors) as is_unsettled
from counted
left join arrivals using (visitor, time, name);
