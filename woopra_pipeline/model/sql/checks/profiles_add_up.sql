-- R2: the profiles' own counts add up to the living visits and actions, and each pid is there once.
--
-- Reads: actions, profiles, visits.

select 'visits' as what, found, expected
from
    (select coalesce(sum(visit_count), 0)::bigint as found from profiles),
    (select count(*) as expected from visits)
where found <> expected
union all
select 'actions' as what, found, expected
from
    (select coalesce(sum(action_count), 0)::bigint as found from profiles),
    (select count(*) as expected from actions)
where found <> expected
union all
select 'profiles' as what, count(*) as found, count(distinct pid) as expected
from profiles
having found <> expected
