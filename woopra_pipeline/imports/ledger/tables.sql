-- The import ledger. A batch is a range of lines of one batch file that is sent in one request. Two
-- visits, events or updates are the same if their keys are, whatever the states of their batches
-- are.

-- The identifiers, a JSON array, by which the visitors of a source's events are known.
create table sources (
    source_id integer primary key,
    name text not null unique,
    identifiers text
);

create table files (
    file_id integer primary key autoincrement,
    source_id integer not null references sources,
    shape text not null,
    log_day text not null,
    path text not null unique,
    line_count integer not null,
    byte_count integer not null,
    is_dry_run integer not null,
    planned_at text not null
);

-- If `sent_until` is not null, the ledger was lost: the batch may have been sent between `sent_at`
-- and `sent_until`.
create table batches (
    batch_id integer primary key autoincrement,
    file_id integer not null references files on delete cascade,
    first_line integer not null,
    line_count integer not null check (line_count > 0),
    byte_count integer not null,
    state text not null,
    attempts integer not null default 0,
    status integer,
    reason text,
    answer text,
    sent_at text,
    settled_at text,
    last_request integer,
    is_asked_for integer not null default 0,
    sent_until text
);
create index batches_by_file on batches (file_id, first_line);
create index batches_by_state on batches (state) where state <> 'accepted';

-- Every request, in the order in which they were sent.
create table requests (
    request_id integer primary key autoincrement,
    file_id integer not null,
    first_line integer not null,
    line_count integer not null,
    sent_at text not null,
    ended_at text,
    status integer,
    outcome text
);
create index requests_by_file on requests (file_id);

-- The content of the lines of a file, in their order: for each visit or event its key, 16 bytes,
-- and the number of its line (0-based, 4 bytes, little-endian). For profile updates, the key is the
-- visitor's, and their contents have 16 bytes each. There is a checksum over all of it, because
-- SQLite has none. Files of dry runs have no keys.
create table file_keys (
    file_id integer primary key references files on delete cascade,
    keys blob not null,
    lines blob not null,
    contents blob,
    checksum blob
);

-- Lines that were sent, not accepted and then withdrawn, until the journal beside their file says
-- so.
create table withdrawn (
    source text not null,
    path text not null,
    first_line integer not null,
    line_count integer not null
);

-- Rows that could not become lines.
create table set_aside (
    source_id integer not null,
    log_day text not null,
    key blob not null,
    shape text not null,
    is_dry_run integer not null,
    planned_at text not null,
    reason text not null,
    row text not null,
    primary key (source_id, log_day, key)
) without rowid;

-- Counts every change, so that a reader knows whether there is anything new.
create table changes (
    change_count integer not null
);
insert into changes values (0);
