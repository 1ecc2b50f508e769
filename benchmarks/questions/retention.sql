-- Of the people first seen in a week, how many came back in each of the weeks after; the weeks are
-- those of UTC, whatever time zone the session has.
with
    weeks as (
        select distinct pid, date_trunc('week', make_timestamp(epoch_us(occurred_at))) as week
        from actions
        where occurred_at >= '2026-01-01'
    ),
    cohorts as (select pid, min(week) as cohort from weeks group by pid)
select cohort, date_diff('week', cohort, week) as age, count(*) as people
from weeks
join cohorts using (pid)
group by cohort, age
order by cohort, age
