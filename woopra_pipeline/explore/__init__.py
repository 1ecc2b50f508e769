"""The app: shows the published model in a browser, without SQL.

`app.py` is a marimo notebook with the pages; users can open and change a copy of it. `answers.py`
has its queries, `charts.py` draws the results, `serving.py` serves the app, and `own_pages.py`
refuses requests of other pages. All of it only reads. marimo is an extra: only `app.py` and
`serving.py` import it.
"""
