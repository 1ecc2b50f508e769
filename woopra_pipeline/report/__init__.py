"""What a project looks like: figures of the published model as small charts, and as one page.

Here live the queries that sum a model up, the drawing of them, and the page a reader without SQL is
given. All of it only reads the published model, so that it equals what anyone can ask there. How
the tables come about belongs to `model`; where pictures are shown in Dagster, to `defs`.
"""
