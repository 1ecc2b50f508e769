-- Identifiers that several profiles share, by key: how many there are, and the largest number of
-- profiles that share one.

with
    shared as (
        select key, value, count(*) as profiles
        from identifiers
        group by key, value
        having count(*) > 1
    )
select key as name, count(*) as shared, max(profiles) as most_profiles
from shared
group by key
order by shared desc, name
