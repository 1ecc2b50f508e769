-- The ledger as users see it: views over its tables, and over the lines of its batch files.

create schema ledger;

create table ledger.lines (file_id bigint, line bigint, line_key varchar, content varchar);
create table ledger.files (
    file_id bigint,
    source varchar,
    shape varchar,
    log_day date,
    path varchar,
    is_dry_run boolean,
    planned_at timestamptz
);
create table ledger.batches (
    batch bigint,
    file_id bigint,
    first_line bigint,
    line_count bigint,
    byte_count bigint,
    state varchar,
    attempts integer,
    status integer,
    reason varchar,
    answer varchar,
    sent_at timestamptz,
    settled_at timestamptz
);
create table ledger.set_aside (
    line_key varchar,
    source varchar,
    shape varchar,
    log_day date,
    is_dry_run boolean,
    reason varchar,
    planned_at timestamptz,
    line varchar
);

create view imports as
select
    batch,
    source,
    shape,
    log_day,
    line_count,
    byte_count,
    state,
    is_dry_run,
    attempts,
    status,
    reason,
    planned_at,
    sent_at,
    settled_at,
    answer,
    path
from ledger.batches
join ledger.files using (file_id);

create view import_lines as
select
    line_key,
    batch,
    line + 1 as line_number,
    source,
    shape,
    log_day,
    state,
    is_dry_run,
    attempts,
    status,
    reason,
    planned_at,
    sent_at,
    settled_at,
    content as line
from ledger.lines
join ledger.batches
    on lines.file_id = batches.file_id
    and lines.line >= batches.first_line
    and lines.line < batches.first_line + batches.line_count
join ledger.files
    on files.file_id = lines.file_id
union all by name
select
    line_key,
    source,
    shape,
    log_day,
    'rejected' as state,
    is_dry_run,
    0 as attempts,
    reason,
    planned_at,
    planned_at as settled_at,
    line
from ledger.set_aside;
