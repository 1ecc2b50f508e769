"""Figures as tables, for a terminal and for the docs."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.comparing import Compared
from benchmarks.records import (
    MEGABYTES,
    PROCESSOR,
    SECONDS,
    Record,
    Results,
    Spread,
    significant,
)

BARS = ("stage", "what", "figures", "median", "spread", "bar", "", "others")
COSTS = ("stage", "what", "seconds", "spread", "processor seconds", "peak memory, MB")
COMPARED = ("stage", "what", "unit", "earlier", "spread", "later", "spread", "ratio", "overlap")
WIDTH = 170
"""In which the tables are shown if a terminal is narrower, or none."""

Rows = list[tuple[str, ...]]


def bar_rows(records: Iterable[Record]) -> Rows:
    """Every ratio and every bar, with its spread, and how busy others kept the processors."""
    return [
        (
            record.stage,
            record.name,
            record.figures or record.unit,
            significant(record.spread.median),
            spread_of(record.spread),
            str(record.bar),
            record.verdict,
            busy_of(record),
        )
        for record in records
        if record.is_shown
    ]


def cost_rows(records: Sequence[Record]) -> Rows:
    """What each work took by the clock, of the processors and of memory."""
    found: dict[tuple[str, str], dict[str, Spread]] = {}
    for record in records:
        if record.unit in (SECONDS, PROCESSOR, MEGABYTES) and not record.is_shown:
            found.setdefault((record.stage, record.name), {})[record.unit] = record.spread
    return [
        (
            *what,
            significant(units[SECONDS].median) if SECONDS in units else "",
            spread_of(units[SECONDS]) if SECONDS in units else "",
            significant(units[PROCESSOR].median) if PROCESSOR in units else "",
            f"{units[MEGABYTES].most:,.0f}" if MEGABYTES in units else "",
        )
        for what, units in found.items()
    ]


def compared_rows(compared: Iterable[Compared]) -> Rows:
    return [
        (
            each.key[1],
            each.key[2],
            each.key[3],
            significant(each.earlier.median),
            spread_of(each.earlier),
            significant(each.later.median),
            spread_of(each.later),
            significant(each.ratio),
            "yes" if each.overlaps else "no",
        )
        for each in compared
    ]


def spread_of(spread: Spread) -> str:
    return f"{significant(spread.least)} to {significant(spread.most)}"


def busy_of(record: Record) -> str:
    """The share of the processors that others took meanwhile, from the least to the most."""
    if not record.others_during:
        return ""
    least, most = (round(100 * each(record.others_during)) for each in (min, max))
    return f"{least} %" if least == most else f"{least} to {most} %"


def about(results: Results) -> str:
    setting = results.setting
    machine, versions = setting.machine, setting.versions
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    changed = ", with changes to it" if setting.is_dirty else ""
    loads = [load for record in results.records for load in record.load]
    load = f"load {min(loads):.1f} to {max(loads):.1f}" if loads else "load unknown"
    before = [share for record in results.records for share in record.others_before]
    if before:
        load += f", others at {min(before):.0%} to {max(before):.0%} before the measurements"
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gigabytes']} GB, "
        f"{load}; {packages}; commit {setting.commit[:12]}{changed}; "
        f"size {setting.size}, {setting.run.replace('T', ' ')[:16]} UTC"
    )


def show(results: Results, console: Console) -> None:
    """The tables of a run, in a terminal or a file."""
    console.width = max(console.width, WIDTH)
    console.print(terminal_table(BARS, bar_rows(results.records)))
    console.print(terminal_table(COSTS, cost_rows(results.records)))
    console.print(about(results), highlight=False)


def terminal_table(headings: Sequence[str], rows: Rows) -> Table:
    table = Table(box=SIMPLE)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < 3 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def print_markdown(results: Results) -> None:
    """The tables of a benchmark that was run by itself, as the docs show them."""
    for headings, rows in (
        (COSTS, cost_rows(results.records)),
        (BARS, bar_rows(results.records)),
    ):
        if rows:
            print(markdown(headings, rows))
    print(about(results))


def markdown(headings: Sequence[str], rows: Rows) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
