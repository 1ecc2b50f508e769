"""All of Dagster: partitions, resources, assets, jobs and schedules, and the instance they run on.

What an asset does is one call of a package below; what lives here is how Dagster names it, shows
it and runs many days of it. No rule of the log, no SQL, no HTTP and no file layout lives here.
"""
