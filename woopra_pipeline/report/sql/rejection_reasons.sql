-- Why lines could not be read, the most frequent reasons first. If there are more than $rows, the
-- last row has all the others, so that the rows always add up to all rejected lines.

with
    counted as (
        select reason, count(*) as lines
        from rejected_lines
        group by reason
    ),
    ranked as (
        select
            reason,
            lines,
            row_number() over (order by lines desc, reason) as place,
            count(*) over () as reasons
        from counted
    ),
    shown as (
        select
            case when reasons <= $rows or place < $rows then reason end as name,
            least(place, $rows) as shown_place,
            sum(lines)::bigint as lines
        from ranked
        group by name, shown_place
    )
select coalesce(name, 'other reasons') as name, lines
from shown
order by shown_place
