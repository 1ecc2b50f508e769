"""The report: figures of the published model, as small charts and as one page.

This package has the queries that summarise a model, the drawing of charts, and the page for readers
without SQL. It only reads the published model, so everybody can check its figures there. The tables
belong to `model`. Dagster's own pictures belong to `defs`.
"""
