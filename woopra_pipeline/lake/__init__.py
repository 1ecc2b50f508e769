"""The lake: a second home of the log days in object storage or a folder, and the tables made there.

What is kept in the lake, how it gets there and back, and the model as open tables live here; what
the lines of a log mean does not. `lake.location` is where the lake is and how files are put there.

Whatever comes from the extra `woopra-pipeline[lake]` is imported where it is used: without it, all
but the lake works.
"""
