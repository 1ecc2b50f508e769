-- Delete lines a day, on average over each bin, by log day: how many there were, and whether the
-- actions that they voided were logged again (R6). Actions of a profile that was deleted for good
-- do not count as missing.

with
    days as (
        select
            log_day as day,
            count(*) as merges,
            sum(relogged_count) as relogged,
            sum(missing_count) filter (canonical_pid is not null) as missing
        from profile_merges
        left join relog_audit using (log_day, log_line)
        where log_day between $first and $last
        group by log_day
    ),
    calendar as (
        select unnest(generate_series($first::date, $last::date, interval 1 day))::date as day
    )
select
    date_trunc($bin, calendar.day)::date as day,
    (coalesce(sum(merges), 0) / count(*))::double as merges,
    (coalesce(sum(relogged), 0) / count(*))::double as "logged again",
    (coalesce(sum(missing), 0) / count(*))::double as missing
from calendar
left join days using (day)
group by all
order by all
