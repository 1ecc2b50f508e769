"""What `make bench` has shown: its tables and its chart, in a folder and in the docs."""

import re
from pathlib import Path

import altair as alt

from benchmarks.days import GROWN, GROWTH, SIZE, STAGES, grown
from benchmarks.parse import RATE, UNIFORM_ONLY
from benchmarks.peers import NAMES
from benchmarks.questions import QUESTIONS
from benchmarks.records import MEGABYTES, PROCESSOR, SECONDS, Results, exponents
from benchmarks.tables import BARS, Rows, about, bar_rows, markdown
from woopra_pipeline.data_directory import checkout

TABLE_MARKS = ("<!-- table: made by `make bench` -->", "<!-- end of table -->")
BLUE = "#2b6cb0"
PALE_BLUE = "#90b8de"
ORANGE = "#dd7a2b"
INK = "#4a5565"
PALE = "#e6e9ee"
WIDTH = 480
OURS = "woopra-pipeline"


def growth_rows(results: Results) -> Rows:
    """For each stage the processor seconds by size, and how they grow.

    The exponent is that from the middle size to the largest: 1 is as the data, 0 is not at all.
    """
    rows = []
    for name in GROWN:
        work = [results.median(SIZE, grown(name, factor), PROCESSOR) for factor in GROWTH]
        (exponent,) = exponents(work[-1:], work[-2:-1], GROWTH[-1] / GROWTH[-2])
        rows.append((name, *(f"{each:.3f} s" for each in work), f"{exponent:.2f}"))
    return rows


def is_whole(results: Results) -> bool:
    """Whether all was measured that table and chart show."""
    stages = {record.stage for record in results.records}
    return {"parse", "question", SIZE} <= stages


def write_report(results: Results, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
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
    """Markdown: the ratios and bars, the growth, and where it was measured."""
    sizes = (f"{raw_megabytes(results, factor):,.0f} MB" for factor in GROWTH)
    return "\n".join(
        [
            markdown(BARS, bar_rows(results.records)),
            markdown(("processor seconds", *sizes, "exponent"), growth_rows(results)),
            f"{about(results)}.\n",
        ]
    )


def raw_megabytes(results: Results, factor: int) -> float:
    return results.median(SIZE, grown("log", factor), MEGABYTES)


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
            rate = results.median("parse", name, RATE)
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
            "seconds": results.median("question", f"{question}, {system}", SECONDS),
        }
        for question in QUESTIONS
        for system, name in names.items()
    ]
    size = f"{raw_megabytes(results, GROWTH[-1]):,.0f} MB of log"
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
    shown = (*STAGES, "closed day")
    rows = [
        {
            "stage": name,
            "megabytes": raw_megabytes(results, factor),
            "seconds": results.median(SIZE, grown(name, factor), PROCESSOR),
        }
        for name in shown
        for factor in GROWTH
    ]
    ticks = [round(raw_megabytes(results, factor)) for factor in GROWTH]
    return (
        alt.Chart(alt.Data(values=rows), title="Processor seconds by MB of log, both logarithmic")
        .mark_line(point=True)
        .encode(
            x=alt.X("megabytes:Q", scale=alt.Scale(type="log"), axis=alt.Axis(values=ticks)),
            y=alt.Y("seconds:Q", scale=alt.Scale(type="log"), axis=alt.Axis(tickCount=4)),
            color=alt.Color("stage:N", sort=list(shown)),
        )
        .properties(width=WIDTH, height=260)
    )
