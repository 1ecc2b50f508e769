-- Last writes (R2) of the properties that identify somebody; an empty text identifies nobody.
--
-- Reads: log.identifier_keys, profile_properties.
-- Makes: identifiers.

create view identifiers as
select key, text as value, pid, log_day, log_line
from profile_properties
where key in (from log.identifier_keys) and text <> '';
