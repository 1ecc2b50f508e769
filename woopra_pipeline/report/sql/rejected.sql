-- The share of the lines of each bin of log days that could not be read (R8).

select
    date_trunc($bin, log_day)::date as day,
    sum(line_count)::bigint as lines,
    sum(rejected_count)::bigint as rejected,
    coalesce(rejected / nullif(lines, 0), 0) as share
from log_days
where log_day between $first and $last
group by all
order by all
