"""What a run has shown: a table of ratios with their bars, a chart, and all figures as JSON."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import altair as alt
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.parse import TEN_TIMES, UNIFORM_ONLY
from benchmarks.peers import NAMES
from benchmarks.questions import QUESTIONS
from woopra_pipeline.data_directory import checkout

Results = Mapping[str, Any]

LARGEST = "16"
SMALLEST = "1"
STAGES = ("download", "parse", "build", "new day", "late day", "publish")
VARIANTS = ("an unknown field on every line", "1 % rejected lines", "1 % odd values")
IMPORT_SHARE = "share of orjson.dumps"
TABLE_MARKS = ("<!-- table: made by `make bench` -->", "<!-- end of table -->")

BLUE = "#2b6cb0"
PALE_BLUE = "#90b8de"
ORANGE = "#dd7a2b"
INK = "#4a5565"
PALE = "#e6e9ee"
WIDTH = 480
OURS = "woopra-pipeline"


@dataclass(frozen=True)
class Finding:
    """A ratio, the bar it is held to (None: it is only told), and what it is made of."""

    stage: str
    what: str
    ratio: float
    at_least: float | None = None
    at_most: float | None = None
    figures: str = ""

    @property
    def bar(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}"

    @property
    def verdict(self) -> str:
        if self.at_least is not None:
            return "holds" if self.ratio >= self.at_least else "missed"
        if self.at_most is not None:
            return "holds" if self.ratio <= self.at_most else "missed"
        return ""


def findings(results: Results) -> list[Finding]:
    return [
        *of_parse(results["parse"]),
        *of_days(results["growth"]),
        *of_questions(results["questions"]),
        *of_typed(results.get("typed")),
        *of_imports(results["imports"]),
        *of_backfills(results["backfills"]),
        *of_memory(results["parse"], results["growth"]),
    ]


def of_parse(parsed: Mapping[str, Mapping[str, float]]) -> list[Finding]:
    def rate(name: str) -> float:
        return parsed[name]["megabytes_per_second"]

    def rates(name: str, other: str) -> str:
        return f"{rate(name):.1f} and {rate(other):.1f} MB/s"

    bars = {"dlt": 100.0}
    return [
        *(
            Finding(
                "parse",
                f"{lines} lines, beside DuckDB's bare typed read_json",
                rate(lines) / rate(f"DuckDB, {lines}"),
                at_least=0.4,
                figures=rates(lines, f"DuckDB, {lines}"),
            )
            for lines in ("clean", TEN_TIMES, "uniform")
        ),
        *(
            Finding(
                "parse",
                f"{lines} lines, beside {name}",
                rate(lines) / rate(name),
                at_least=bars.get(name, 1.0),
                figures=rates(lines, name),
            )
            for name in NAMES
            for lines in ["uniform" if name in UNIFORM_ONLY else "clean"]
        ),
        *(
            Finding(
                "parse",
                f"{variant}, beside clean lines",
                rate(variant) / rate("clean"),
                at_least=0.5,
                figures=rates(variant, "clean"),
            )
            for variant in VARIANTS
        ),
    ]


def of_days(growth: Results) -> list[Finding]:
    costs = growth[LARGEST]

    def seconds(name: str) -> float:
        return float(costs[name]["seconds"])

    def both(name: str, other: str) -> str:
        return f"{seconds(name):.2f} and {seconds(other):.2f} s"

    parts = ("closed day, download", "closed day, parse", "closed day, model")
    best = sum(float(costs[part]["best_seconds"]) for part in parts)
    return [
        Finding(
            "download",
            "into the archive, beside the same requests with nothing kept",
            seconds("download, nothing kept") / seconds("download"),
            figures=both("download", "download, nothing kept"),
        ),
        Finding(
            "new day",
            "beside building the model from all days",
            seconds("new day") / seconds("build"),
            figures=both("new day", "build"),
        ),
        Finding(
            "late day",
            "beside building the model from all days",
            seconds("late day") / seconds("build"),
            figures=both("late day", "build"),
        ),
        Finding(
            "publish",
            "beside a plain copy of the file",
            seconds("publish") / seconds("copy of the model's file"),
            figures=both("publish", "copy of the model's file"),
        ),
        Finding(
            "closed day",
            "HTTP to published model, beside the sum of its stages' best",
            seconds("closed day") / best,
            at_most=2,
            figures=f"{seconds('closed day'):.2f} and {best:.2f} s",
        ),
    ]


def of_questions(questions: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[Finding]:
    found = []
    for system, bar, name in (("raw", 20.0, "raw JSON"), ("naive", 1.0, "the naive view")):
        for question in QUESTIONS:
            ours = questions[question]["model"]["seconds"]
            theirs = questions[question][system]["seconds"]
            found.append(
                Finding(
                    "question",
                    f"{question}: {name}, beside the model",
                    theirs / ours,
                    at_least=bar,
                    figures=f"{theirs:.3f} and {ours:.3f} s",
                )
            )
    return found


def of_typed(typed: Mapping[str, float] | None) -> list[Finding]:
    if typed is None:
        return []
    over_json, over_columns = typed["json_seconds"], typed["typed_seconds"]
    with_columns, without = typed["typed_megabytes"], typed["untyped_megabytes"]
    return [
        Finding(
            "typed columns",
            "a question over JSON, beside the same over two typed columns",
            over_json / over_columns,
            at_least=20,
            figures=f"{over_json:.3f} and {over_columns:.4f} s",
        ),
        Finding(
            "typed columns",
            "the file, beside one without any",
            with_columns / without,
            at_most=1.6,
            figures=f"{with_columns:.0f} and {without:.0f} MB",
        ),
    ]


def of_imports(imports: Mapping[str, Mapping[str, float]]) -> list[Finding]:
    return [
        Finding(
            "imports",
            f"{shape}, beside orjson.dumps of the same objects",
            figures[IMPORT_SHARE],
            figures=f"{figures['lines/s']:,.0f} lines/s",
        )
        for shape, figures in imports.items()
    ]


def of_backfills(backfills: Mapping[str, Mapping[str, float]]) -> list[Finding]:
    found = []
    for name in ("all days", "one day"):
        with_dagster = backfills[f"{name}, with Dagster"]["seconds"]
        without = backfills[f"{name}, without"]["seconds"]
        found.append(
            Finding(
                "Dagster",
                f"backfill of {name}: its share of the time",
                1 - without / with_dagster,
                figures=f"{with_dagster:.1f} s, {without:.1f} s without",
            )
        )
    return found


def of_memory(parsed: Results, growth: Results) -> list[Finding]:
    pairs = [("parse, one file", 10, parsed["clean"], parsed[TEN_TIMES])]
    for stage in (*STAGES, "closed day"):
        if stage != "publish":
            pairs.append((stage, 16, growth[SMALLEST][stage], growth[LARGEST][stage]))
    return [
        Finding(
            "memory",
            f"{stage}: its peak with {times} times the data",
            large["peak_megabytes"] / small["peak_megabytes"],
            figures=f"{large['peak_megabytes']:,.0f} and {small['peak_megabytes']:,.0f} MB",
        )
        for stage, times, small, large in pairs
    ]


def slopes(growth: Results) -> list[tuple[str, list[float], float]]:
    """For each stage the seconds by size, and the exponent from the middle size to the largest."""
    rows = []
    sizes = sorted(growth, key=int)
    names = [*STAGES, "closed day", *(f"{question}, model" for question in QUESTIONS)]
    for name in names:
        seconds = [float(growth[size][name]["seconds"]) for size in sizes]
        growth_of_data = int(sizes[-1]) / int(sizes[-2])
        exponent = math.log(seconds[-1] / seconds[-2]) / math.log(growth_of_data)
        rows.append((name, seconds, exponent))
    return rows


def about(results: Results) -> str:
    machine, versions = results["machine"], results["versions"]
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gigabytes']} GB, "
        f"Python {machine['python']}, {packages}; {results['when']}, "
        f"{results['minutes']:.0f} minutes, medians of {results['size']['repeat']}"
    )


def show(results: Results, console: Console) -> None:
    table = Table(box=SIMPLE)
    for heading in ("stage", "what", "figures"):
        table.add_column(heading)
    for heading in ("ratio", "bar"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for finding in findings(results):
        table.add_row(
            finding.stage,
            finding.what,
            finding.figures,
            significant(finding.ratio),
            finding.bar,
            finding.verdict,
        )
    console.print(table)
    table = Table(box=SIMPLE)
    table.add_column("growth")
    for size in sorted(results["growth"], key=int):
        table.add_column(f"{megabytes(results, size):,.0f} MB", justify="right")
    table.add_column("exponent", justify="right")
    for name, seconds, exponent in slopes(results["growth"]):
        table.add_row(name, *(f"{each:.3f} s" for each in seconds), f"{exponent:.2f}")
    console.print(table)
    console.print(about(results), highlight=False)


def write_report(results: Results, folder: Path) -> None:
    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    (folder / "table.md").write_text(tables(results))
    chart(results).save(folder / "bench.png", scale_factor=2)


def write_docs(results: Results) -> None:
    """Put the chart, and the tables between their marks, into the docs."""
    docs = checkout() / "docs"
    chart(results).save(docs / "images" / "bench.png", scale_factor=2)
    page = docs / "benchmarks.md"
    begin, end = map(re.escape, TABLE_MARKS)
    text = f"{TABLE_MARKS[0]}\n\n{tables(results)}\n{TABLE_MARKS[1]}"
    page.write_text(re.sub(f"{begin}.*?{end}", lambda _: text, page.read_text(), flags=re.DOTALL))


def tables(results: Results) -> str:
    """Markdown: the findings, the growth, and where it was measured."""
    rows = [
        (
            finding.stage,
            finding.what,
            finding.figures,
            significant(finding.ratio),
            finding.bar,
            finding.verdict,
        )
        for finding in findings(results)
    ]
    sizes = sorted(results["growth"], key=int)
    grown = [
        (name, *(f"{each:.3f} s" for each in seconds), f"{exponent:.2f}")
        for name, seconds, exponent in slopes(results["growth"])
    ]
    headings = ("growth", *(f"{megabytes(results, size):,.0f} MB" for size in sizes), "exponent")
    return "\n".join(
        [
            markdown(("stage", "what", "figures", "ratio", "bar", ""), rows),
            markdown(headings, grown),
            f"{about(results)}.\n",
        ]
    )


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def significant(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def megabytes(results: Results, size: str) -> float:
    return float(results["growth"][size]["sizes"]["raw_megabytes"])


def chart(results: Results) -> alt.VConcatChart:
    charts = (chart_of_rates(results), chart_of_questions(results), chart_of_growth(results))
    return (
        alt.vconcat(*charts, spacing=30)
        .resolve_scale(color="independent")
        .configure(
            background="white",
            font="Helvetica, Arial, sans-serif",
            padding=12,
            view=alt.ViewConfig(stroke=None),
            title=alt.TitleConfig(anchor="start", color=INK, fontSize=13, offset=10),
            axis=alt.AxisConfig(
                labelColor=INK, domain=False, ticks=False, title=None, gridColor=PALE
            ),
            legend=alt.LegendConfig(labelColor=INK, title=None),
        )
    )


def chart_of_rates(results: Results) -> alt.FacetChart:
    rows = []
    for lines in ("clean", "uniform"):
        tools = [name for name in NAMES if (name in UNIFORM_ONLY) == (lines == "uniform")]
        names = {OURS: lines, "DuckDB, typed read_json": f"DuckDB, {lines}"}
        for tool, name in (names | dict(zip(tools, tools, strict=True))).items():
            rate = results["parse"][name]["megabytes_per_second"]
            rows.append({"lines": f"{lines} lines", "tool": tool, "rate": rate})
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("tool:N", sort="-x"), x=alt.X("rate:Q", axis=None)
    )
    bars = base.mark_bar().encode(
        color=alt.condition(f"datum.tool == '{OURS}'", alt.value(BLUE), alt.value(PALE_BLUE))
    )
    labels = base.mark_text(align="left", dx=4, color=INK).encode(
        text=alt.Text("rate:Q", format=".3~r")
    )
    return (
        (bars + labels)
        .properties(width=WIDTH)
        .facet(row=alt.Row("lines:N", title=None, header=alt.Header(labelColor=INK)))
        .resolve_scale(y="independent")
        .properties(title="A day file into tables, MB/s; all others do less")
    )


def chart_of_questions(results: Results) -> alt.Chart:
    names = {"model": "published model", "naive": "naive view", "raw": "raw JSON"}
    rows = [
        {
            "question": question,
            "system": name,
            "seconds": results["questions"][question][system]["seconds"],
        }
        for question in QUESTIONS
        for system, name in names.items()
    ]
    size = f"{megabytes(results, LARGEST):,.0f} MB of log"
    return (
        alt.Chart(alt.Data(values=rows), title=f"Seconds to an answer from {size}, logarithmic")
        .mark_point(filled=True, size=90, opacity=1)
        .encode(
            y=alt.Y("question:N", sort=list(QUESTIONS)),
            x=alt.X("seconds:Q", scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=4)),
            color=alt.Color(
                "system:N",
                scale=alt.Scale(domain=list(names.values()), range=[BLUE, PALE_BLUE, ORANGE]),
            ),
        )
        .properties(width=WIDTH)
    )


def chart_of_growth(results: Results) -> alt.Chart:
    sizes = sorted(results["growth"], key=int)
    shown = (*STAGES, "closed day")
    rows = [
        {"stage": name, "megabytes": megabytes(results, size), "seconds": each}
        for name, seconds, _ in slopes(results["growth"])
        if name in shown
        for size, each in zip(sizes, seconds, strict=True)
    ]
    ticks = [round(megabytes(results, size)) for size in sizes]
    return (
        alt.Chart(alt.Data(values=rows), title="Seconds by MB of log, both logarithmic")
        .mark_line(point=True)
        .encode(
            x=alt.X("megabytes:Q", scale=alt.Scale(type="log"), axis=alt.Axis(values=ticks)),
            y=alt.Y("seconds:Q", scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=4)),
            color=alt.Color("stage:N", sort=list(shown)),
        )
        .properties(width=WIDTH, height=260)
    )
