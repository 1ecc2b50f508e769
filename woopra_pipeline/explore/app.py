# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""The app's pages, as a marimo notebook: `marimo edit` opens a copy of it to change.

A cell queries the model only while its page is shown.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Woopra")

with app.setup:
    from html import escape

    import marimo as mo

    from woopra_pipeline.explore import charts
    from woopra_pipeline.explore.answers import ANY, Model
    from woopra_pipeline.wording import spans

    GRAINS = ["day", "week", "month"]
    NUMBERS = ["people", "visits", "actions"]
    PAGES = ["Overview", "Trends", "Journeys", "Retention", "People", "Data"]
    model = Model.from_environment()

    def heading(text, level=2):
        """A heading of text that visitors may have written; it is not read as Markdown or HTML."""
        return mo.Html(f"<h{level}>{escape(text)}</h{level}>")


@app.cell(hide_code=True)
def _():
    asked_for = mo.query_params().get("page")
    page = mo.ui.tabs(dict.fromkeys(PAGES, ""), value=asked_for if asked_for in PAGES else PAGES[0])
    mo.vstack([heading(model.project, 1), page])
    return (page,)


@app.cell(hide_code=True)
def _():
    names = [row["name"] for row in model.events()]
    usual = names[0] if names else ANY
    return names, usual


@app.cell(hide_code=True)
def _(page):
    mo.stop(page.value != "Overview")
    days = model.log_days()
    mo.stop(days is None, mo.md("The model has no log days yet."))
    (headline,) = model.figures("headline")
    mo.vstack(
        [
            mo.md(f"Log days {days[0]} to {days[1]}"),
            mo.hstack(
                [
                    mo.stat(f"{headline[name]:,}", label=label, bordered=True)
                    for name, label in (
                        ("people", "people"),
                        ("visits", "visits"),
                        ("actions", "actions"),
                        ("merges", "merges"),
                        ("identified", "people identified"),
                    )
                ],
                wrap=True,
                justify="start",
            ),
            mo.md("## People a day"),
            charts.trend(model.people_a_day(), "people"),
            mo.md("## What they do"),
            mo.ui.table(model.events(), selection=None),
        ]
    )
    return


@app.cell(hide_code=True)
def _(names, usual):
    trend_event = mo.ui.dropdown([ANY, *names], value=usual, label="Event", searchable=True)
    trend_grain = mo.ui.dropdown(GRAINS, value="day", label="Every")
    trend_number = mo.ui.dropdown(NUMBERS, value="people", label="Count")
    return trend_event, trend_grain, trend_number


@app.cell(hide_code=True)
def _(page, trend_event):
    mo.stop(page.value != "Trends")
    trend_property = mo.ui.dropdown(
        model.property_names(trend_event.value or ANY),
        label="Split by",
        allow_select_none=True,
        searchable=True,
    )
    return (trend_property,)


@app.cell(hide_code=True)
def _(page, trend_event, trend_grain, trend_number, trend_property):
    mo.stop(page.value != "Trends")
    trend_controls = mo.hstack(
        [trend_event, trend_grain, trend_number, trend_property], wrap=True, justify="start"
    )
    if trend_property.value is None:
        trend_rows = model.trend(trend_event.value or ANY, trend_grain.value)
        trend_chart = charts.trend(trend_rows, trend_number.value)
    else:
        trend_rows = model.trend_by(
            trend_event.value or ANY, trend_property.value, trend_grain.value
        )
        trend_chart = charts.trend_by(trend_rows, trend_number.value)
    trend_note = mo.md(
        "A hollow point is a period that is not over, or that the log has only in part."
    )
    mo.vstack([trend_controls, trend_chart, trend_note, mo.ui.table(trend_rows, selection=None)])
    return


@app.cell(hide_code=True)
def _(names):
    steps = [
        mo.ui.dropdown(
            names,
            value=names[number] if number < min(len(names), 3) else None,
            label=f"Step {number + 1}",
            allow_select_none=True,
            searchable=True,
        )
        for number in range(5)
    ]
    steps = mo.ui.array(steps)
    within = mo.ui.number(1, 365, value=30, label="Within days")
    depth = mo.ui.number(1, 10, value=4, label="Actions on")
    return depth, steps, within


@app.cell(hide_code=True)
def _(page, steps, within):
    mo.stop(page.value != "Journeys")
    chosen = [step for step in steps.value if step]
    funnel_controls = mo.hstack([*steps.elements, within], wrap=True, justify="start")
    if chosen:
        funnel_rows = model.funnel(chosen, within.value)
        funnel_answer = [
            charts.funnel(funnel_rows),
            mo.ui.table(funnel_rows, selection=None),
        ]
    else:
        funnel_answer = [mo.md("Choose a first step.")]
    mo.vstack([mo.md("## From step to step"), funnel_controls, *funnel_answer])
    return (chosen,)


@app.cell(hide_code=True)
def _(chosen, depth, page):
    mo.stop(page.value != "Journeys" or not chosen)
    mo.vstack(
        [
            heading(f"What people do after their first {chosen[0]}"),
            depth,
            mo.ui.table(model.journeys(chosen[0], depth.value), selection=None),
        ]
    )
    return


@app.cell(hide_code=True)
def _(names):
    first_event = mo.ui.dropdown([ANY, *names], value=ANY, label="First", searchable=True)
    again_event = mo.ui.dropdown([ANY, *names], value=ANY, label="Then", searchable=True)
    cohort_grain = mo.ui.dropdown(GRAINS, value="week", label="Every")
    return again_event, cohort_grain, first_event


@app.cell(hide_code=True)
def _(again_event, cohort_grain, first_event, page):
    mo.stop(page.value != "Retention")
    retention_rows = model.retention(
        first_event.value or ANY, again_event.value or ANY, cohort_grain.value
    )
    mo.vstack(
        [
            mo.hstack([first_event, again_event, cohort_grain], wrap=True, justify="start"),
            mo.md(
                "The share of the people who first came in a period that came in it and in each "
                "later one. Periods that are not over are left out."
            ),
            charts.retention(retention_rows),
            mo.ui.table(retention_rows, selection=None),
        ]
    )
    return


@app.cell(hide_code=True)
def _():
    search = mo.ui.text(
        placeholder="Email, name, pid or property", label="Find", full_width=True, debounce=300
    )
    return (search,)


@app.cell(hide_code=True)
def _(page, search):
    mo.stop(page.value != "People")
    found = mo.ui.table(model.people(search.value), selection="single")
    mo.vstack([search, found])
    return (found,)


@app.cell(hide_code=True)
def _(found, page):
    mo.stop(page.value != "People")
    mo.stop(not found.value, mo.md("Select a person to see what is known."))
    pid = found.value[0]["pid"]
    history = model.history(pid)
    mo.stop(history is None, mo.md("This pid is no longer in the model: search again."))
    mo.vstack(
        [
            heading(found.value[0]["email"] or found.value[0]["name"] or pid),
            mo.ui.table(model.properties(pid), selection=None),
            mo.md("## Timeline"),
            mo.ui.table(model.timeline(pid), selection=None),
            mo.md("## Merges"),
            mo.Html(f"<p>{len(history.merged_into)} led into {escape(pid)}.</p>"),
            mo.ui.table(
                [
                    {
                        "log_day": str(merge.log_day),
                        "log_line": merge.log_line,
                        "from_pid": merge.from_pid,
                        "to_pid": merge.to_pid,
                        "visits_voided": merge.visit_count,
                        "actions_voided": merge.action_count,
                        "logged_again": merge.relogged_count,
                    }
                    for merge in history.merged_into
                ],
                selection=None,
                show_download=False,
            ),
        ]
    )
    return


@app.cell(hide_code=True)
def _(page):
    mo.stop(page.value != "Data")
    told = model.quality()
    (quality,) = told["quality"]
    gaps = model.gaps()
    mo.vstack(
        [
            mo.hstack(
                [
                    mo.stat(f"{number:,}", label=label, bordered=True)
                    for number, label in (
                        (quality["log_days"], "log days"),
                        (len(gaps), "days missing"),
                        (quality["lines"], "lines"),
                        (quality["rejected_lines"], "lines rejected"),
                        (quality["missing_actions"], "voided actions not logged again"),
                        (quality["provisional_people"], "provisional people"),
                    )
                ],
                wrap=True,
                justify="start",
            ),
            mo.md(f"Last file fetched: {quality['fetched_at'] or 'none yet'}"),
            mo.md("## Missing days"),
            mo.md(spans(gaps) or "None."),
            mo.md("## Lines that could not be read"),
            mo.ui.table(told["reasons"], selection=None) if told["reasons"] else mo.md("None."),
            mo.md("## Merges a day"),
            charts.bars(told["merges"], "merges"),
            mo.md("## Largest profiles, by the pids that were merged into them"),
            mo.ui.table(told["largest"], selection=None) if told["largest"] else mo.md("None."),
            mo.md("## Identifiers that several profiles share"),
            mo.ui.table(told["shared"], selection=None) if told["shared"] else mo.md("None."),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
