-- Compares the counts of the ledger for each day with the rows that are there, including voided
-- ones.
--
-- Reads: log.actions, log.deletes, log.lines, log.rejected_lines, log_days.

with
    expected as (
        select log_day, visit_count, identify_count, delete_count, rejected_count, action_count
        from log_days
    ),
    lines as (
        select
            log_day,
            count(*) filter (type = 'visit') as visit_count,
            count(*) filter (type = 'identify') as identify_count
        from log.lines
        group by log_day
    ),
    deletes as (
        select log_day, count(*) as delete_count
        from log.deletes
        group by log_day
    ),
    rejected as (
        select log_day, count(*) as rejected_count
        from log.rejected_lines
        group by log_day
    ),
    action_rows as (
        select log_day, count(*) as action_count
        from log.actions
        group by log_day
    ),
    found as (
        select
            log_day,
            coalesce(visit_count, 0) as visit_count,
            coalesce(identify_count, 0) as identify_count,
            coalesce(delete_count, 0) as delete_count,
            coalesce(rejected_count, 0) as rejected_count,
            coalesce(action_count, 0) as action_count
        from (select log_day from log_days)
        full join lines using (log_day)
        full join deletes using (log_day)
        full join rejected using (log_day)
        full join action_rows using (log_day)
    ),
    differences as (
        select 'ledger' as of, * from (from expected except from found)
        union all
        select 'rows' as of, * from (from found except from expected)
    )
from differences
order by log_day, of
