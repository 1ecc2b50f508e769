"""The reference: the docs' own procedure, one line of the log after another, in plain Python.

visit: find or create the profile of that pid, set the visitor's keys on it, add the visit.
delete: find the profile of that pid and delete it. Everything else follows from what that leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from woopra_pipeline.parse.json_text import string_value
from woopra_pipeline.parse.lines import (
    BlankLine,
    DeleteLine,
    RejectedLine,
    VisitLine,
    parse_line,
    split_lines,
)

Row = dict[str, object]
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


def interpret(files: Mapping[date, bytes]) -> Interpretation:
    log = Interpretation()
    for log_day, file in sorted(files.items()):
        counts = dict.fromkeys(("line", "visit", "identify", "delete", "rejected", "blank"), 0)
        counts["action"] = 0
        for log_line, line in enumerate(split_lines(file), start=1):
            counts["line"] += 1
            where: Row = {"log_day": log_day, "log_line": log_line}
            match parse_line(line):
                case VisitLine() as visit:
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
                case DeleteLine() as delete:
                    counts["delete"] += 1
                    log.pids |= {delete.pid} | ({delete.new_id} if delete.new_id else set())
                    log.profiles.pop(delete.pid, None)
                    log.deletes.append((log_day, log_line, delete.pid, delete.new_id))
                case RejectedLine(reason, raw):
                    counts["rejected"] += 1
                    log.rejected.append(where | {"reason": reason, "raw": raw})
                case BlankLine():
                    counts["blank"] += 1
        log.days.append({"log_day": log_day} | {f"{k}_count": v for k, v in counts.items()})
    return log


def follow(log: Interpretation, step: int) -> tuple[str | None, int]:
    """Where the merges lead from the delete line numbered `step`, and how many were followed."""
    pid, hops = log.deletes[step][3], 0
    while pid is not None:
        hops += 1
        onward = [i for i in range(step + 1, len(log.deletes)) if log.deletes[i][2] == pid]
        if not onward:
            break
        step = onward[0]
        pid = log.deletes[step][3]
    return pid, hops


def tables(log: Interpretation) -> dict[str, list[Row]]:
    """The public tables of the model, columns that depend on the time of processing left out."""
    deleted = {pid: step for step, (_, _, pid, _) in enumerate(log.deletes)}
    aliases = {
        pid: follow(log, deleted[pid]) if pid in deleted and pid not in log.profiles else (pid, 0)
        for pid in log.pids
    }
    return {
        "profiles": [profile_row(pid, profile) for pid, profile in log.profiles.items()],
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
                "canonical_pid": follow(log, step)[0],
            }
            for step, (log_day, log_line, from_pid, to_pid) in enumerate(log.deletes)
        ],
        "pid_aliases": [
            {"pid": pid, "canonical_pid": canonical_pid, "hops": hops}
            for pid, (canonical_pid, hops) in aliases.items()
        ],
        "log_days": log.days,
        "rejected_lines": log.rejected,
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


def as_text(value: object) -> str | None:
    """What a text column holds for a property's JSON text."""
    text = str(value)
    if text == "null":
        return None
    return string_value(text) if text.startswith('"') else text
