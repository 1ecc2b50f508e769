-- The totals of the model, and what one would get by counting the lines of the log.

select
    (select count(*) from profiles) as people,
    (select count(*) from pid_aliases) as people_logged,
    (select coalesce(sum(visit_count), 0)::bigint from profiles) as visits,
    (select coalesce(sum(visit_count), 0)::bigint from log_days) as visits_logged,
    (select coalesce(sum(action_count), 0)::bigint from profiles) as actions,
    (select coalesce(sum(action_count), 0)::bigint from log_days) as actions_logged,
    (select count(*) from profile_merges) as merges,
    (
        select count(distinct pid)
        from profile_properties
        where list_contains($identifiers, key) and text <> ''
    ) as identified
