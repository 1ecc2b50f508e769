-- Everything one person did, found by an email address.
select occurred_at, name
from actions
where pid in (select pid from profile_properties where key = 'email' and text = $email)
order by occurred_at, name
