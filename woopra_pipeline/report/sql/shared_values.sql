-- The identifiers that most profiles share. They are personal data.

select key as name, value, count(*) as profiles
from identifiers
group by key, value
having count(*) > 1
order by profiles desc, name, value
limit $rows
