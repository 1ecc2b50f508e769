-- Days of the last loaded week on which far more or far fewer visits were logged than usual. Usual
-- is the median of the four weeks before, if at least two of them are loaded. The day whose file
-- still grows is left out.
--
-- Reads: log_days.

with
    recent_days as (
        select log_day, visit_count
        from log_days
        where log_day > (select max(log_day) - 7 from log_days)
            and log_day < $current_day
    ),
    usual as (
        select
            recent_days.log_day,
            recent_days.visit_count,
            median(before.visit_count) as usual_count
        from recent_days
        join log_days as before
            on before.log_day between recent_days.log_day - 28 and recent_days.log_day - 1
        group by all
        having count(*) >= 14
    )
select log_day, visit_count, usual_count::bigint as usual_count
from usual
where visit_count * $factor < usual_count
    or visit_count > usual_count * $factor
order by log_day
