"""`make run`: a first workspace and a link, without anything prepared."""

import json
import re
from pathlib import Path

import pytest
import requests

from tests.integration.deploy_processes import Tool, environ_in, processes_of

pytestmark = pytest.mark.browser

NOBODY_LISTENS = "http://127.0.0.1:9"


def test_run_prints_a_link_and_keeps_its_workspace(tmp_path: Path) -> None:
    kept = tmp_path / "workspace.json"
    keys = []
    for _ in range(2):
        with Tool("deploy.run", environ_in(tmp_path, WHATSAPP_WEB_URL=NOBODY_LISTENS)) as run:
            run.prints("Ctrl-C stops.")
            link = re.search(r"http://127\.0\.0\.1:\d+/link/\S+", run.output)
            assert link is not None
            assert "My workspace" in requests.get(link[0], timeout=5).text
            assert kept.stat().st_mode & 0o777 == 0o600
            keys.append(json.loads(kept.read_text())["api_key"])
            assert f"Authorization: Bearer {keys[-1]}" in run.output
            assert run.stop() == 0
    assert keys[0] == keys[1]
    assert processes_of(tmp_path) == {}
