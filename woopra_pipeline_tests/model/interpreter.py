"""The reference: the docs' own procedure, one line of the log after another, in plain Python.

visit: find or create the profile of that pid, set the visitor's keys on it, add the visit.
delete: find the profile of that pid and delete it. Everything else follows from what that leaves.
A line of an erased person is not there at all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from woopra_pipeline.parse.json_text import object_members, string_value
from woopra_pipeline.parse.lines import (
    BlankLine,
    DeleteLine,
    ErasedLine,
    RejectedLine,
    VisitLine,
    parse_line,
    split_lines,
)
from woopra_pipeline.privacy.digests import digest
from woopra_pipeline.privacy.register import Erasure
from woopra_pipeline.privacy.rejected import named_in
from woopra_pipeline.woopra.log_days import log_day_at, log_days_between, log_position
from woopra_pipeline_tests.model.plain_types import typed_tables

Row = dict[str, object]
COUNTED = ("line", "visit", "identify", "delete", "rejected", "blank", "erased")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Profile:
    properties: dict[str, Row] = field(default_factory=dict)
    visits: list[Row] = field(default_factory=list)
    actions: list[Row] = field(default_factory=list)


@dataclass
class Interpretation:
    profiles: dict[str, Profile] = field(default_factory=dict)
    deletes: list[tuple[date, int, str, str | None]] = field(default_factory=list)
    pids: set[str] = field(default_factory=set)
    rejected: list[Row] = field(default_factory=list)
    days: list[Row] = field(default_factory=list)
    actions: list[tuple[tuple[date, int], str, object]] = field(default_factory=list)
    """Every action logged: at which position, under which pid, its time and name."""
    voided: list[list[object]] = field(default_factory=list)
    """The times and names of the actions that each delete voided."""


def interpret(
    files: Mapping[date, bytes], erasures: Sequence[Erasure] = (), key: bytes = b""
) -> Interpretation:
    """Interpret the files as they were delivered, for persons who were erased.

    `key` is that of the digests in the erasures.
    """
    log = Interpretation()
    erased = [
        (pids, values_of(files, pids, erasure, key), erasure)
        for erasure in erasures
        for pids in [pids_of(files, erasure)]
    ]
    for log_day, file in sorted(files.items()):
        told: dict[str, set[str]] = {}
        counts = dict.fromkeys(COUNTED, 0)
        counts["action"] = 0
        for log_line, line in enumerate(split_lines(file), start=1):
            counts["line"] += 1
            where: Row = {"log_day": log_day, "log_line": log_line}
            match parse_line(line):
                case VisitLine() as visit if any(
                    is_before_or_repeats(visit, log_day, one, told.get(visit.pid, set()), key)
                    for one in erased
                ):
                    counts["erased"] += 1
                case RejectedLine(_, raw) if any(
                    names_one_of(raw, pids, erasure, key) for pids, _, erasure in erased
                ):
                    counts["erased"] += 1
                case VisitLine() as visit:
                    if last_time(visit) is not None:
                        told.setdefault(visit.pid, set()).update(says(visit, key))
                    counts[visit.type] += 1
                    counts["action"] += len(visit.actions)
                    log.pids.add(visit.pid)
                    profile = log.profiles.setdefault(visit.pid, Profile())
                    profile.properties |= {
                        key: where | {"pid": visit.pid, "key": key, "value": value}
                        for key, value in visit.properties.items()
                    }
                    if visit.type == "visit":
                        row = where | {"pid": visit.pid}
                        profile.visits.append(row | visit.columns)
                        profile.actions += [
                            row | {"action_index": index} | action
                            for index, action in enumerate(visit.actions)
                        ]
                        log.actions += [
                            ((log_day, log_line), visit.pid, time_and_name(action))
                            for action in visit.actions
                        ]
                case DeleteLine() as delete:
                    counts["delete"] += 1
                    log.pids |= {delete.pid} | ({delete.new_id} if delete.new_id else set())
                    voided = log.profiles.pop(delete.pid, Profile())
                    log.voided.append([time_and_name(action) for action in voided.actions])
                    log.deletes.append((log_day, log_line, delete.pid, delete.new_id))
                case RejectedLine(reason, raw):
                    counts["rejected"] += 1
                    log.rejected.append(where | {"reason": reason, "raw": raw})
                case BlankLine():
                    counts["blank"] += 1
                case ErasedLine():
                    counts["erased"] += 1
        log.days.append({"log_day": log_day} | {f"{k}_count": v for k, v in counts.items()})
    return log


def pids_of(files: Mapping[date, bytes], erasure: Erasure) -> set[str]:
    """R10: the pids that lead where an erased person's own lead, and those that did before."""
    deletes = [
        (log_position(log_day, log_line), delete.pid, delete.new_id)
        for log_day, file in sorted(files.items())
        for log_line, line in enumerate(split_lines(file), start=1)
        if isinstance(delete := parse_line(line), DeleteLine)
    ]

    def end(pid: str, position: int) -> str | int:
        for later, deleted, new_id in deletes:
            if deleted == pid and later > position:
                return later if new_id is None else end(new_id, later)
        return pid

    pids = set(erasure.pids)
    for life in erasure.lives:
        hers = end(life.pid, life.log_position)
        pids |= {pid for position, pid, _ in deletes if end(pid, position - 1) == hers}
        pids |= {life.pid} | ({hers} if isinstance(hers, str) else set())
    return pids


def is_before(visit: VisitLine, log_day: date, erasure: Erasure) -> bool:
    """R10: whether what a line tells of happened before the moment of an erasure."""
    if erasure.and_future:
        return True
    time = last_time(visit)
    return log_day <= log_day_at(erasure.moment) if time is None else time < erasure.moment


def last_time(visit: VisitLine) -> datetime | None:
    times = [visit.columns["started_at"], *(action["occurred_at"] for action in visit.actions)]
    seen = [time for time in times if isinstance(time, datetime) and time > EPOCH]
    return max(seen, default=None)


def is_before_or_repeats(
    visit: VisitLine,
    log_day: date,
    erased: tuple[set[str], set[str], Erasure],
    told: set[str],
    key: bytes,
) -> bool:
    """R10: whether an erasure takes a line, `told` being what its pid has said since, that day."""
    pids, values, erasure = erased
    named = {
        text
        for name, value in visit.properties.items()
        if name in erasure.keys
        and (text := digest(key, name, str(as_text(value)))) in erasure.identifiers
    }
    if (visit.pid in pids or named) and is_before(visit, log_day, erasure):
        return True
    if last_time(visit) is not None:
        return False
    if visit.pid in pids and visit.type == "visit":
        return True
    repeated = named | (says(visit, key) & values if visit.pid in pids else set())
    return bool(repeated - told)


def values_of(
    files: Mapping[date, bytes], pids: set[str], erasure: Erasure, key: bytes
) -> set[str]:
    """R10: what the lines say that an erasure takes as a person's own, and those said before."""
    if erasure.and_future:
        return set()
    lines = [
        (log_day, parse_line(line)) for log_day in files for line in split_lines(files[log_day])
    ]
    return set(erasure.values).union(
        *(
            says(line, key)
            for log_day, line in lines
            if isinstance(line, VisitLine)
            and line.pid in pids
            and is_before(line, log_day, erasure)
        )
    )


def says(visit: VisitLine, key: bytes) -> set[str]:
    """The digests of the properties that a line sets, in the length of each kind of digest."""
    texts = [
        digest(key, name, str(as_text(value)))
        for name, value in visit.properties.items()
        if value not in ("null", '""')
    ]
    return {text[:32] for text in texts} | set(texts)


def names_one_of(raw: str, pids: set[str], erasure: Erasure, key: bytes) -> bool:
    """R10: whether a line that could not be read names a pid or an identifier of the person."""
    return any(
        (name in (None, "pid") and text in pids)
        or any(
            digest(key, one, text) in erasure.identifiers
            for one in ([name] if name in erasure.keys else [] if name else erasure.keys)
        )
        for name, text in named_in(raw)
    )


def follow(log: Interpretation, step: int) -> list[str | None]:
    """The pids that the merges lead to from the delete line numbered `step`, one after another."""
    path = [log.deletes[step][3]]
    while path[-1] is not None:
        onward = [i for i in range(step + 1, len(log.deletes)) if log.deletes[i][2] == path[-1]]
        if not onward:
            break
        step = onward[0]
        path.append(log.deletes[step][3])
    return path


def audit_row(log: Interpretation, step: int) -> Row:
    """R6: of the actions a delete voided, how many were logged again after it on its path."""
    log_day, log_line, from_pid, to_pid = log.deletes[step]
    path = follow(log, step)
    voided = Counter(log.voided[step])
    logged = Counter(
        what
        for position, pid, what in log.actions
        if position > (log_day, log_line) and pid in path
    )
    return {
        "log_day": log_day,
        "log_line": log_line,
        "from_pid": from_pid,
        "to_pid": to_pid,
        "action_count": voided.total(),
        "relogged_count": (voided & logged).total(),
        "missing_count": (voided - logged).total(),
    }


def provisional_pids(log: Interpretation) -> set[str | None]:
    """Ends of merges that miss something, or voided nothing known while a later day is missing."""
    loaded = [day["log_day"] for day in log.days]
    missing_days = (
        [day for day in log_days_between(min(loaded), max(loaded)) if day not in loaded]
        if loaded
        else []
    )
    return {
        follow(log, step)[-1]
        for step, (log_day, _, _, to_pid) in enumerate(log.deletes)
        if to_pid is not None
        and (
            audit_row(log, step)["missing_count"]
            or (not log.voided[step] and any(day > log_day for day in missing_days))
        )
    }


def tables(log: Interpretation) -> dict[str, list[Row]]:
    """The public tables of the model, columns that depend on the time of processing left out."""
    deleted = {pid: step for step, (_, _, pid, _) in enumerate(log.deletes)}
    aliases: list[Row] = []
    for pid in log.pids:
        alias, hops = pid, 0
        if pid in deleted and pid not in log.profiles:
            path = follow(log, deleted[pid])
            alias, hops = path[-1], len([step for step in path if step is not None])
        aliases.append({"pid": pid, "canonical_pid": alias, "hops": hops})
    provisional = provisional_pids(log)
    return {
        "profiles": [
            profile_row(pid, profile) | {"is_provisional": pid in provisional}
            for pid, profile in log.profiles.items()
        ],
        "profile_properties": [
            row | {"text": as_text(row["value"])}
            for profile in log.profiles.values()
            for row in profile.properties.values()
        ],
        "visits": [row for profile in log.profiles.values() for row in profile.visits],
        "actions": [row for profile in log.profiles.values() for row in profile.actions],
        "profile_merges": [
            {
                "log_day": log_day,
                "log_line": log_line,
                "from_pid": from_pid,
                "to_pid": to_pid,
                "canonical_pid": follow(log, step)[-1],
            }
            for step, (log_day, log_line, from_pid, to_pid) in enumerate(log.deletes)
        ],
        "relog_audit": [
            audit_row(log, step) for step, delete in enumerate(log.deletes) if delete[3] is not None
        ],
        "pid_aliases": aliases,
        "log_days": log.days,
        "rejected_lines": log.rejected,
        "identifiers": [
            {column: row[column] for column in ("key", "pid", "log_day", "log_line")}
            | {"value": as_text(row["value"])}
            for profile in log.profiles.values()
            for row in profile.properties.values()
            if row["key"] in ("id", "email", "phone", "cookie")
            and as_text(row["value"]) not in (None, "")
        ],
        **typed_tables(
            [row for profile in log.profiles.values() for row in profile.actions],
            [
                profile_row(pid, profile) | {"is_provisional": pid in provisional}
                for pid, profile in log.profiles.items()
            ],
        ),
    }


def profile_row(pid: str, profile: Profile) -> Row:
    times = [row["started_at"] for row in profile.visits]
    times += [row["occurred_at"] for row in profile.actions]
    seen = [time for time in times if isinstance(time, datetime) and time > EPOCH]
    properties = {key: str(row["value"]) for key, row in sorted(profile.properties.items())}
    return {
        "pid": pid,
        "properties": properties,
        "email": as_text(properties.get("email", "null")),
        "name": as_text(properties.get("name", "null")),
        "first_seen_at": min(seen, default=None),
        "last_seen_at": max(seen, default=None),
        "visit_count": len(profile.visits),
        "action_count": len(profile.actions),
    }


def time_and_name(action: Row) -> object:
    """What a re-logged action has in common with the one it stands for (R6)."""
    extra = object_members(str(action["extra"])) if action["extra"] else {}
    odd_time = extra.get("time") if action["occurred_at"] is None else None
    return action["occurred_at"], odd_time, action["name"]


def as_text(value: object) -> str | None:
    """What a text column holds for a property's JSON text."""
    text = str(value)
    if text == "null":
        return None
    return string_value(text) if text.startswith('"') else text
