-- How many people saw a page, then searched, then paid.
with
    viewed as (
        select pid, min(occurred_at) as at from actions where name = 'pv' group by pid
    ),
    searched as (
        select pid, min(occurred_at) as at
        from actions
        join viewed using (pid)
        where name = 'search' and occurred_at >= viewed.at
        group by pid
    ),
    paid as (
        select pid, min(occurred_at) as at
        from actions
        join searched using (pid)
        where name = 'payment' and occurred_at >= searched.at
        group by pid
    )
select
    (select count(*) from viewed) as viewed,
    (select count(*) from searched) as searched,
    (select count(*) from paid) as paid
