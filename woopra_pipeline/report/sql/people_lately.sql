-- People in the last day, the last 7 and the last 28 days, each with the people in as many days
-- before. That is NULL if the log begins later. People are those who did an action; new ones did
-- their first action ever in these days. Days are those of Los Angeles.

with
    spans as materialized (
        select
            days,
            $last::date + 1 - days as first,
            $last::date + 1 - 2 * days >= $first::date as is_before_known,
            day_starts_at($last::date + 1 - 2 * days, 'America/Los_Angeles') as before_starts_at,
            day_starts_at($last::date + 1 - days, 'America/Los_Angeles') as starts_at,
            day_starts_at($last::date + 1, 'America/Los_Angeles') as ends_at
        from (select unnest([1, 7, 28]) as days)
        where $last::date + 1 - days >= $first::date
    ),
    first_days as (
        select pid, min(occurred_at) as first_at
        from actions
        where has_time(occurred_at)
        group by pid
    ),
    lately as (
        select pid, occurred_at
        from actions
        where occurred_at >= (select min(before_starts_at) from spans)
            and occurred_at < (select max(ends_at) from spans)
    ),
    came as (
        select
            spans.days,
            lately.pid,
            max(lately.occurred_at) >= any_value(spans.starts_at) as is_now,
            min(lately.occurred_at) < any_value(spans.starts_at) as is_before
        from lately
        join spans
            on lately.occurred_at >= spans.before_starts_at
            and lately.occurred_at < spans.ends_at
        group by spans.days, lately.pid
    ),
    counts as (
        select
            spans.days,
            count(*) filter (came.is_now) as people,
            count(*) filter (came.is_before) as before,
            count(*) filter (came.is_now and first_days.first_at >= spans.starts_at) as new
        from came
        join spans on spans.days = came.days
        join first_days on first_days.pid = came.pid
        group by spans.days
    )
select
    spans.days::integer as days,
    spans.first,
    $last::date as last,
    coalesce(counts.people, 0) as people,
    case when spans.is_before_known then coalesce(counts.before, 0) end as before,
    coalesce(counts.new, 0) as new,
    coalesce(counts.people, 0) - coalesce(counts.new, 0) as returning
from spans
left join counts on counts.days = spans.days
order by spans.days
