"""The lake: a second place for the log days, in object storage or a folder, and its tables.

This package knows what is kept in the lake, how it gets there and back, and how the model's tables
are computed there. It does not know what the lines of a log mean. `lake.location` knows where the
lake is and how files are written there. Packages of the extra `woopra-pipeline[lake]` are imported
where they are used, so everything but the lake works without them.
"""
