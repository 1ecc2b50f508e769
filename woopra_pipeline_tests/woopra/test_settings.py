from dataclasses import replace

import pytest

from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.woopra.settings import WoopraSettings

SETTINGS = WoopraSettings(project="shop.example", app_id="APP17", secret_key="s3cr3t-k3y")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"project": " "}, "set WOOPRA_PROJECT", id="no project"),
        pytest.param({"app_id": ""}, "set WOOPRA_APP_ID", id="no app id"),
        pytest.param({"secret_key": ""}, "set WOOPRA_SECRET_KEY", id="no secret key"),
        pytest.param({"base_url": "www.woopra.com/rest"}, "http or https", id="no scheme"),
        pytest.param({"base_url": "ftp://woopra.com"}, "http or https", id="other scheme"),
        pytest.param({"base_url": "https://x/?a=b"}, "without a query", id="query"),
        pytest.param({"base_url": "https://x:port/"}, "http or https", id="no address at all"),
        pytest.param({"base_url": "https://u:hush@x/"}, "WOOPRA_SECRET_KEY", id="credentials"),
        pytest.param({"base_url": f"https://{'x' * 64}.example/"}, "http or https", id="no host"),
        pytest.param(
            {"base_url": "https://x/\x1b"}, "WOOPRA_BASE_URL has a control", id="ESC in address"
        ),
        pytest.param(
            {"secret_key": "hush\udcff"}, "WOOPRA_SECRET_KEY has a control", id="no UTF-8"
        ),
        pytest.param({"app_id": "APP17\n"}, "WOOPRA_APP_ID has a control", id="line break"),
        pytest.param(
            {"position_header": "X\r\nY"}, "position_header has a control", id="two headers"
        ),
        pytest.param({"attempts": 0}, "at least 1", id="no attempts"),
        pytest.param({"rate_window": 0.0}, "rate_window must be above 0", id="no window"),
        pytest.param({"answer_deadline": -1.0}, "answer_deadline must be", id="no deadline"),
        pytest.param({"largest_growth": 0}, "largest_growth must be above 0", id="no growth"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message) as raised:
        replace(SETTINGS, **changes)
    assert "hush" not in str(raised.value)


def test_endpoints_stand_below_the_base_url():
    settings = replace(SETTINGS, base_url="https://woopra.example/rest/2.4/")
    assert settings.url("/logs/export") == "https://woopra.example/rest/2.4/logs/export"
    assert settings.host == "woopra.example"


def test_the_secret_key_is_not_shown():
    assert "s3cr3t-k3y" not in repr(SETTINGS)
    assert "shop.example" in repr(SETTINGS)
