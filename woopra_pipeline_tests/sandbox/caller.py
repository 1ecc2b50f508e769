"""Talking to a sandbox that answers, as plainly as HTTP goes."""

from dataclasses import dataclass

import httpx

from woopra_pipeline.sandbox import RunningSandbox


@dataclass(frozen=True)
class Caller:
    """A client without any of the pipeline's patience."""

    running: RunningSandbox

    def export(
        self, log_day: str, headers: dict[str, str] | None = None, **changes: str
    ) -> httpx.Response:
        settings = self.running.settings
        parameters = {
            settings.project_parameter: settings.project,
            settings.file_parameter: log_day,
        }
        return httpx.get(
            settings.url(settings.export_path),
            params=parameters | changes,
            auth=(settings.app_id, settings.secret_key),
            headers=headers,
        )

    def post(
        self, body: str | bytes, method: str = "POST", headers: dict[str, str] | None = None
    ) -> httpx.Response:
        settings = self.running.settings
        return httpx.request(
            method,
            settings.url(settings.import_path),
            params={settings.project_parameter: settings.project},
            auth=(settings.app_id, settings.secret_key),
            content=body,
            headers=headers,
        )
