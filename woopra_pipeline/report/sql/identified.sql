-- People by the day in Los Angeles on which they were first seen, and how many of them have a
-- property that identifies them.

with
    known as (
        select distinct pid, true as is_known
        from profile_properties
        where list_contains($identifiers, key) and text <> ''
    )
select
    date_trunc($bin, timezone('America/Los_Angeles', first_seen_at)::date)::date as day,
    count(*) as people,
    count(is_known) as identified,
    identified / people as share
from profiles
left join known using (pid)
where first_seen_at >= timezone('America/Los_Angeles', $first::timestamp)
    and first_seen_at < timezone('America/Los_Angeles', $last::date + interval 1 day)
group by all
order by all
