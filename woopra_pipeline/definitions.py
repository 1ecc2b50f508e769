"""Everything Dagster loads."""

import os

from dagster import Definitions, in_process_executor

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.alerts import alert_on_failure
from woopra_pipeline.defs.assets.current_day import current_day
from woopra_pipeline.defs.assets.day_files import day_files
from woopra_pipeline.defs.assets.imports import import_batches, import_verification
from woopra_pipeline.defs.assets.model import model
from woopra_pipeline.defs.assets.report import project_report
from woopra_pipeline.defs.catch_up import catch_up
from woopra_pipeline.defs.checks import model_checks
from woopra_pipeline.defs.current_day_sensor import follow_current_day_sensor
from woopra_pipeline.defs.freshness import watch_freshness
from woopra_pipeline.defs.import_checks import few_imported_lines_rejected, nothing_unknown_for_long
from woopra_pipeline.defs.jobs import (
    command_line,
    daily_imports,
    daily_imports_schedule,
    daily_log_day,
    daily_log_day_schedule,
)
from woopra_pipeline.defs.resources import resources
from woopra_pipeline.files import limit_new_files, set_modes
from woopra_pipeline.lake.location import LAKE_VARIABLE

limit_new_files()
# Existing files can have other modes: from an earlier version, from Dagster, or from before the
# setting.
set_modes(DataDirectory.from_environment().contents)

lake_assets, lake_checks = [], []
if os.environ.get(LAKE_VARIABLE):
    # Their packages come with an extra.
    from woopra_pipeline.defs.assets.lake_model import lake_equals_model, lake_model

    lake_assets, lake_checks = [lake_model], [lake_equals_model]
"""Nothing else depends on these assets, and they exist only with a lake."""

definitions = Definitions(
    assets=[
        *lake_assets,
        day_files,
        current_day,
        model,
        project_report,
        import_batches,
        import_verification,
    ],
    asset_checks=[
        *lake_checks,
        model_checks,
        nothing_unknown_for_long,
        few_imported_lines_rejected,
    ],
    jobs=[daily_log_day, daily_imports, command_line],
    schedules=[daily_log_day_schedule, daily_imports_schedule],
    sensors=[catch_up, watch_freshness, follow_current_day_sensor, alert_on_failure],
    resources=resources(),
    # The steps of a run run one after another, because parsing starts its own processes.
    executor=in_process_executor,
)
