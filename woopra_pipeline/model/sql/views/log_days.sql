-- The ledger of the days.
--
-- Reads: log.days.
-- Makes: log_days.

create view log_days as
select * exclude (fingerprint)
from log.days;
