from dataclasses import fields

import pytest
from dagster import EnvVar

from woopra_pipeline.data_directory import DataDirectory
from woopra_pipeline.defs.resources import WoopraResource, resources, woopra
from woopra_pipeline.errors import ConfigurationError
from woopra_pipeline.woopra.settings import WoopraSettings

CREDENTIALS = {"WOOPRA_APP_ID": "APP17", "WOOPRA_SECRET_KEY": "s3cr3t-k3y"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in ("PROJECT", "APP_ID", "SECRET_KEY", "BASE_URL", "DATA_DIR"):
        monkeypatch.delenv(f"WOOPRA_{name}", raising=False)


def set_environment(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_offer_every_setting_of_the_service_with_its_default():
    defaults = {
        field.name: field.default for field in fields(WoopraSettings) if field.name != "project"
    }
    defaults |= {"project": "", "app_id": "", "secret_key": ""}
    assert {
        name: field.default
        for name, field in WoopraResource.model_fields.items()
        if name in defaults
    } == defaults


def test_describe_every_field():
    own = {field.name for field in fields(WoopraSettings)}
    assert all(WoopraResource.model_fields[name].description for name in own)


def test_take_project_and_credentials_from_the_environment(monkeypatch):
    set_environment(
        monkeypatch,
        WOOPRA_PROJECT="shop.example",
        WOOPRA_BASE_URL="https://api.example/rest/3.0",
        **CREDENTIALS,
    )
    settings = woopra().process_config_and_initialize().settings
    assert (settings.project, settings.app_id) == ("shop.example", "APP17")
    assert settings.secret_key == "s3cr3t-k3y"
    assert settings.base_url == "https://api.example/rest/3.0"


@pytest.mark.parametrize("missing", CREDENTIALS)
def test_name_the_credential_that_is_missing(monkeypatch, missing):
    set_environment(monkeypatch, WOOPRA_PROJECT="shop.example", **CREDENTIALS)
    monkeypatch.delenv(missing)
    with pytest.raises(ConfigurationError, match=missing):
        woopra().process_config_and_initialize().require_complete()


def test_need_no_credentials_without_a_project():
    woopra().process_config_and_initialize().require_complete()


def test_show_variables_instead_of_their_values(monkeypatch):
    set_environment(monkeypatch, WOOPRA_PROJECT="shop.example", **CREDENTIALS)
    resource = woopra()
    assert resource.secret_key == EnvVar("WOOPRA_SECRET_KEY")
    assert "s3cr3t-k3y" not in repr(resource.process_config_and_initialize())
    assert "s3cr3t-k3y" not in str(resource.process_config_and_initialize())


def test_without_a_project_the_sandbox_answers(tmp_path):
    directory = DataDirectory(tmp_path)
    said = []
    with woopra().process_config_and_initialize().client(directory, said.append) as client:
        assert client.settings.project == "sandbox.example.com"
        assert client.settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("value", "root"),
    [
        pytest.param("/somewhere/else", "/somewhere/else", id="set"),
        pytest.param("", str(DataDirectory.from_environment().root), id="empty: the checkout's"),
    ],
)
def test_keep_everything_in_the_data_directory(monkeypatch, value, root):
    monkeypatch.setenv("WOOPRA_DATA_DIR", value)
    offered = resources()
    directory = offered["data_directory"].process_config_and_initialize().directory
    assert str(directory.root) == root
    assert offered["duckdb"].database == f"{root}/woopra.duckdb"


@pytest.mark.parametrize(
    ("value", "folders"),
    [
        pytest.param("/srv/exports:/mnt/crm", ("/srv/exports", "/mnt/crm"), id="two"),
        pytest.param("", (), id="empty"),
    ],
)
def test_sources_read_the_folders_that_the_environment_names(monkeypatch, value, folders):
    monkeypatch.setenv("WOOPRA_READ_FOLDERS", value)
    assert resources()["imports"].settings.read_folders == folders
