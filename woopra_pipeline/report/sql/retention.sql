-- Of the people who did their first action ever in each of the last weeks, how many did one in that
-- week and in each of the weeks after it, as the report `retention` counts them. Weeks begin on Monday
-- in Los Angeles; only whole ones are counted.

select cohort, size, period as weeks_later, people, share
from retention(
    null,
    null,
    periods := $weeks,
    since := greatest(
        date_trunc('week', $first::date + 6),
        date_trunc('week', $last::date + 1 - 7 * $weeks)
    )::date,
    until := $last::date
)
where share is not null
