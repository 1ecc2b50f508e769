-- The ledger of the days.

create view log_days as
select * exclude (fingerprint)
from log.days;
