-- How many people there are of each plan.
select text as plan, count(*) as people
from profile_properties
where key = 'plan'
group by plan
order by plan
