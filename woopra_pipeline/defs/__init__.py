"""All of Dagster: partitions, resources, assets, checks, what runs by itself, and the instance.

What an asset does is one call of a package below; what lives here is how Dagster names it, shows
it and runs many days of it. No rule of the log, no SQL, no HTTP and no file layout lives here.

Every process of Dagster loads all of it. So what only a run needs (Arrow, the charts, the sandbox)
is imported by the functions that work with it.
"""

import warnings

# Dagster calls it beta. Nothing else in it makes one run of many days, and the daemon's backfills
# are tested with it.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`")
# Dagster calls it a preview. Nothing else in it says of which day a check does not hold.
warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec")
