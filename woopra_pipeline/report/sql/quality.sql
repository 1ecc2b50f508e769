-- How complete and how fresh the data of the model is. Actions of a profile that was deleted for
-- good do not count as missing.

select
    count(*) as log_days,
    coalesce(sum(line_count), 0)::bigint as lines,
    coalesce(sum(rejected_count), 0)::bigint as rejected_lines,
    coalesce(sum(raw_bytes), 0)::bigint as bytes,
    strftime(
        arg_max_null(fetched_at, log_day) filter (where not is_open) at time zone 'UTC',
        '%Y-%m-%d %H:%M UTC'
    ) as fetched_at,
    (select coalesce(sum(action_count), 0)::bigint from relog_audit) as voided_actions,
    (
        select coalesce(sum(missing_count), 0)::bigint
        from relog_audit
        semi join profile_merges as merges
            on relog_audit.log_day = merges.log_day
            and relog_audit.log_line = merges.log_line
            and merges.canonical_pid is not null
    ) as missing_actions,
    (select count(*) from profiles where is_provisional) as provisional_people
from log_days
