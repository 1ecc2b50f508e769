-- Identifiers that several profiles share, by key: how many, and by how many profiles at most.

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
