"""The assets, one module a floor of the pipeline: export, parsed days, model, report, imports."""
