"""schemathesis, with every check that it has, against the functions as they run.

FUZZ_EXAMPLES gives each call more cases than a build has time for: 300 take some minutes.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from functions.docs_view import docs_of
from tests.integration.contract_site import ContractSite, contract_site

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
GOOD_OR_UNKNOWN = {200, 201, 202, 204, 304, 404, 409, 422}
"""The ids in the examples belong to nobody here; 422 is the address that only example.com would have."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContractSite]:
    with contract_site(tmp_path_factory.mktemp("fuzzing")) as started:
        yield started


@pytest.fixture(scope="module")
def document(site: ContractSite) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(f"{site.server.url}/openapi.json", timeout=20).json()
    return found


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_every_curl_line_of_the_docs_can_be_pasted(
    site: ContractSite, document: dict[str, Any], tmp_path: Path
) -> None:
    lines = [
        (call.summary, call.curl)
        for group in docs_of(document).groups
        for call in group.calls
        if call.curl and call.credentials != "signature of a node"
    ]
    assert len(lines) > 30
    script = "\n".join(f"{line} -s -o /dev/null -w '%{{http_code}}\\n'" for _, line in lines)
    environment = {**os.environ, "LINKPOOL_API_KEY": site.environment["FUZZ_API_KEY"], "no_proxy": "*"}
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    answers = dict(zip((name for name, _ in lines), map(int, ran.stdout.split()), strict=True))
    assert {name: status for name, status in answers.items() if status not in GOOD_OR_UNKNOWN} == {}
    assert answers["Create a session"] == 201
    assert answers["Health"] == 200


@pytest.mark.timeout(3600)
def test_schemathesis_finds_nothing(site: ContractSite, tmp_path: Path) -> None:
    seed = str(int.from_bytes(os.urandom(4)))
    report = tmp_path / "schemathesis.log"
    with report.open("wb") as output:
        done = subprocess.run(
            site.command(f"--max-examples={EXAMPLES}", f"--seed={seed}", "--no-color"),
            env=site.environment,
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    text = report.read_text(errors="replace")
    assert done.returncode == 0, text
    assert "request_failed" not in site.output(), "an internal error was logged"
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in text, text
