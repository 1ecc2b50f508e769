"""The app: the published model in a browser, for a look without SQL.

`app.py` is a marimo notebook that puts pages together, and can be opened and changed as one.
`answers.py` has what it asks of the model, `charts.py` draws it, `serving.py` serves it, and
`own_pages.py` says to whom. All of it only reads. marimo is an extra: only `app.py` and
`serving.py` import it.
"""
