"""The assets, one module for each floor of the pipeline: export, parsed days, model."""
