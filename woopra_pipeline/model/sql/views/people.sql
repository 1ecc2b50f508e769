-- The profiles with typed columns; an update adds the columns (R11).
--
-- Reads: log.people.
-- Makes: people.

create view people as
from log.people;
