"""The operator's command line, as a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.databases import registry_in
from tests.fakes.functions import LocalFunctions
from tests.fakes.processes import ROOT


def run(directory: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(directory),
        "DATABASE_URL": registry_in(directory),
        **env,
    }
    return subprocess.run(
        [sys.executable, "-m", "storage.cli", *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_new_workspace_can_be_used_at_once(tmp_path: Path) -> None:
    made = run(
        tmp_path, "workspaces", "create", "Toko Bunga", "--webhook-url", "http://127.0.0.1:9/h", "--json"
    )
    secrets = json.loads(made.stdout)
    assert set(secrets) == {"workspace_id", "api_key", "webhook_secret"}
    assert secrets["webhook_secret"].startswith("whsec_")
    functions = LocalFunctions(tmp_path)
    answer = functions.client.get("/api/sessions", headers={"Authorization": f"Bearer {secrets['api_key']}"})
    assert answer.status_code == 200
    functions.close()
    listed = run(tmp_path, "workspaces", "list").stdout + run(tmp_path, "endpoints", "list").stdout
    assert "Toko Bunga" in listed
    assert "http://127.0.0.1:9/h" in listed
    assert secrets["api_key"] not in listed


def test_keys_are_made_and_revoked(tmp_path: Path) -> None:
    workspace_id = json.loads(run(tmp_path, "workspaces", "create", "A", "--json").stdout)["workspace_id"]
    key = run(tmp_path, "keys", "create", workspace_id).stdout.strip()
    prefix = key.split("_")[1]
    assert run(tmp_path, "keys", "revoke", prefix).returncode == 0
    assert run(tmp_path, "keys", "revoke", prefix).returncode == 2


def test_what_becomes_of_duplicates_is_set_for_each_workspace(tmp_path: Path) -> None:
    def listed() -> dict[str, str]:
        rows = json.loads(run(tmp_path, "workspaces", "list", "--json").stdout)
        return {row["name"]: row["duplicates"] for row in rows}

    first = json.loads(run(tmp_path, "workspaces", "create", "A", "--json").stdout)["workspace_id"]
    run(tmp_path, "workspaces", "create", "B", "--duplicates", "refuse")
    assert listed() == {"A": "replace", "B": "refuse"}
    changed = run(tmp_path, "workspaces", "set", first, "--duplicates", "keep_both")
    assert (changed.returncode, "keep_both" in changed.stdout) == (0, True)
    assert listed() == {"A": "keep_both", "B": "refuse"}


def test_webhooks_are_added_listed_enabled_and_their_secret_rotated(tmp_path: Path) -> None:
    made = json.loads(run(tmp_path, "workspaces", "create", "A", "--json").stdout)
    workspace_id = made["workspace_id"]
    endpoint_id = run(tmp_path, "webhooks", "add", workspace_id, "https://example.com/hooks").stdout.strip()
    (row,) = json.loads(run(tmp_path, "webhooks", "list", "--json").stdout)
    assert (row["id"], row["url"], row["circuit"]) == (endpoint_id, "https://example.com/hooks", "closed")
    assert run(tmp_path, "webhooks", "enable", endpoint_id).stdout == f"enabled {endpoint_id}\n"
    secret = run(tmp_path, "webhooks", "rotate", workspace_id).stdout.strip()
    assert secret.startswith("whsec_")
    assert secret != made["webhook_secret"]
    assert secret not in run(tmp_path, "webhooks", "list", "--json").stdout
    assert run(tmp_path, "webhooks", "add", workspace_id, "https://example.com/hooks").returncode == 2
    assert run(tmp_path, "webhooks", "rotate", "nobody").returncode == 2


def test_sessions_are_listed_with_masked_numbers(tmp_path: Path) -> None:
    functions = LocalFunctions(tmp_path)
    session = functions.workspace().create(start=False)
    functions.close()
    assert session["id"] in run(tmp_path, "sessions", "list").stdout
    (row,) = json.loads(run(tmp_path, "sessions", "list", "--json").stdout)
    assert (row["id"], row["status"]) == (session["id"], "created")


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (["workspaces", "create", ""], {}),
        (["workspaces", "create", "A", "--webhook-url", "example.com"], {}),
        (["workspaces", "create", "A", "--webhook-url", "http://[::1"], {}),
        (["keys", "create", "nobody"], {}),
        (["workspaces", "set", "nobody", "--duplicates", "refuse"], {}),
        (["workspaces", "set", "nobody", "--duplicates", "merge"], {}),
        (["workspaces", "set", "nobody"], {}),
        (["sessions", "list", "--limit", "many"], {}),
        (["workspaces", "lend"], {}),
        (["workspaces", "list"], {"DATABASE_URL": "mysql://localhost/x"}),
        (["workspaces", "list"], {"DATABASE_URL": "sqlite:////proc/nothing/registry.db"}),
        (["workspaces", "list"], {"DATABASE_URL": f"sqlite:///{__file__}"}),
    ],
    ids=str,
)
def test_wrong_input_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: list[str], env: dict[str, str]
) -> None:
    done = run(tmp_path, *arguments, **env)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("linkpool: ")


def test_keys_are_scoped_listed_and_rotated_by_command(tmp_path: Path) -> None:
    workspace_id = json.loads(run(tmp_path, "workspaces", "create", "A", "--json").stdout)["workspace_id"]
    arguments = ("--scope", "sessions", "--name", "Shop", "--expires-days", "90")
    key = run(tmp_path, "keys", "create", workspace_id, *arguments).stdout.strip()
    prefix = key.split("_")[1]
    rotated = json.loads(run(tmp_path, "keys", "rotate", prefix, "--grace-hours", "1", "--json").stdout)
    listed = {
        row["prefix"]: row for row in json.loads(run(tmp_path, "keys", "list", workspace_id, "--json").stdout)
    }
    new = listed[rotated["api_key"].split("_")[1]]
    assert (new["name"], new["scopes"], new["status"]) == ("Shop", "sessions", "active")
    assert listed[prefix]["expires_at"] == rotated["previous_valid_until"]
    assert listed[prefix]["replaced_by"] == new["prefix"]
    assert key.rpartition("_")[2] not in run(tmp_path, "keys", "list", workspace_id).stdout


def test_the_operator_may_revoke_the_last_admin_key_and_is_told(tmp_path: Path) -> None:
    made = json.loads(run(tmp_path, "workspaces", "create", "A", "--json").stdout)
    revoked = run(tmp_path, "keys", "revoke", made["api_key"].split("_")[1])
    assert revoked.returncode == 0
    assert f"keys create {made['workspace_id']}" in revoked.stderr
