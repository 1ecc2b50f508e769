-- Where visits came from: the host of the referrer, or else its kind.

select
    coalesce(
        nullif(regexp_extract(referrer_url, '^[a-z]+://([^/?#]+)', 1), ''),
        nullif(referrer_type, ''),
        'unknown'
    ) as name,
    count(*) as visits,
    count(distinct pid) as people
from visits
where started_at >= timezone('America/Los_Angeles', $first::timestamp)
    and started_at < timezone('America/Los_Angeles', $last::date + interval 1 day)
group by all
order by visits desc, name
limit $rows
