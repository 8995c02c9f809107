"""docs/linking.md: what stands there to verify the way back is run, on real results and on forged ones."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from functions.return_result import sign_lines
from storage.clock import SystemClock
from tests.integration.page_site import PageSite, services_in

PAGE = (Path(__file__).parents[2] / "docs" / "linking.md").read_text(encoding="utf-8")
SNIPPETS = {
    name: code for code, name in re.findall(r"```\w+\n((?:#|//) (\w+\.(?:py|mjs))\n.*?)```", PAGE, re.DOTALL)
}
RUNNERS = {".py": sys.executable, ".mjs": "node"}
BOTH = pytest.mark.parametrize(
    "snippet", ["verify_return.py", pytest.param("verify_return.mjs", marks=pytest.mark.peer)]
)
OTHER_SECRET = "whsec_" + "QUJD" * 11


@pytest.fixture
def site(tmp_path: Path):
    clock = SystemClock()
    services = services_in(tmp_path, clock)
    yield PageSite(services, clock)
    services.close()


def verdict(directory: Path, snippet: str, url: str, secret: str) -> str:
    """What the snippet says, in an environment that has nothing but what the page asks for."""
    script = directory / snippet
    script.write_text(SNIPPETS[snippet], encoding="utf-8")
    environ = {"PATH": os.environ["PATH"], "LINKPOOL_WEBHOOK_SECRET": secret}
    command = [RUNNERS[script.suffix], str(script), url]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def came_back(site: PageSite, reference: str | None) -> tuple[str, str]:
    """The address that a person comes to, and the session."""
    session = site.create(return_url="https://app.example.com/done?tab=2", reference=reference)
    site.shows_qr(session)
    site.is_linked(session)
    answer = site.client.get(site.path(session) + "/return")
    return answer.headers["Location"], session.id


@BOTH
@pytest.mark.parametrize("reference", ["customer-7", None, "Käthe & Söhne\nconnected"])
def test_a_real_result_is_believed(
    site: PageSite, tmp_path: Path, snippet: str, reference: str | None
) -> None:
    url, session_id = came_back(site, reference)
    said = verdict(tmp_path, snippet, url, site.workspace.webhook_secret)
    assert session_id in said
    assert "connected" in said


@BOTH
def test_a_forged_result_is_refused(site: PageSite, tmp_path: Path, snippet: str) -> None:
    url, _ = came_back(site, "customer-7")
    secret = site.workspace.webhook_secret
    timestamp = re.search(r"timestamp=(\d+)", url)
    assert timestamp is not None
    old = url.replace(timestamp[1], str(int(timestamp[1]) - 3600))
    for forged in (
        url.replace("customer-7", "customer-8"),
        url.replace("status=connected", "status=expired"),
        url.replace("signature=", "signature=00"),
        url + "&status=connected",
        url.partition("&signature")[0],
        old,
    ):
        assert verdict(tmp_path, snippet, forged, secret) == "refused"
    assert verdict(tmp_path, snippet, url, OTHER_SECRET) == "refused"


@BOTH
def test_both_secrets_verify_while_one_is_rotated(site: PageSite, tmp_path: Path, snippet: str) -> None:
    before = site.workspace.webhook_secret
    new = site.services.workspaces.rotate_webhook_secret(site.workspace.id, timedelta(hours=1))
    url, session_id = came_back(site, "customer-7")
    for secret in (before, new.webhook_secret):
        assert session_id in verdict(tmp_path, snippet, url, secret)


def test_an_old_result_is_refused_although_its_signature_fits(tmp_path: Path) -> None:
    lines = ("linkpool-return-v1", "01J", "connected", "1700000000", "")
    query = {
        "session_id": "01J",
        "status": "connected",
        "reference": "",
        "timestamp": lines[3],
        "signature": sign_lines(OTHER_SECRET, lines),
    }
    url = "https://app.example.com/?" + urlencode(query)
    assert verdict(tmp_path, "verify_return.py", url, OTHER_SECRET) == "refused"


def test_the_address_holds_no_phone_number(site: PageSite) -> None:
    url, _ = came_back(site, "customer-7")
    assert "81234" not in url
