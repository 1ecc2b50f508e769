-- Why lines could not be read, the most frequent reasons first.

select reason as name, count(*) as lines
from rejected_lines
group by reason
order by lines desc, name
limit $rows
