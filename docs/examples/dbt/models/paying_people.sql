-- Who has paid, how often, and how much.
select
    profiles.pid,
    profiles.email,
    count(*) as payments,
    sum((actions.properties ->> 'amount')::double) as paid
from {{ source('woopra', 'actions') }} as actions
join {{ source('woopra', 'profiles') }} as profiles on profiles.pid = actions.pid
where actions.name = 'payment'
group by profiles.pid, profiles.email
