"""`make demo`, from QR to webhook, with a browser killed on the way."""

from pathlib import Path

import pytest

from tests.integration.deploy_processes import Tool, environ_in, processes_of

pytestmark = pytest.mark.browser


def test_demo_walks_through_and_leaves_nothing(tmp_path: Path) -> None:
    with Tool("deploy.demo", environ_in(tmp_path, DEMO_AUTO="1")) as demo:
        assert demo.ends() == 0, demo.output
        assert "open the page:  http://127.0.0.1:" in demo.output
        for step in (
            "QR on the page",
            "scan to phone number on the page",
            "scan to verified webhook",
            "kill -9 of the browser to connected",
        ):
            assert step in demo.output
        assert "+6281234567890" not in demo.output
    assert processes_of(tmp_path) == {}


def test_demo_stays_until_it_is_stopped(tmp_path: Path) -> None:
    with Tool("deploy.demo", environ_in(tmp_path, DEMO_AUTO="0")) as demo:
        demo.prints("the stand-in's phone:")
        with Tool("deploy.demo", environ_in(tmp_path, DEMO_AUTO="1")) as second:
            assert second.ends() == 1
            assert "another demo runs" in second.output
        assert demo.stop() == 0
    assert processes_of(tmp_path) == {}


def test_demo_says_what_failed(tmp_path: Path) -> None:
    with Tool("deploy.demo", environ_in(tmp_path, DEMO_AUTO="1", CHROMIUM_PATH="/bin/false")) as demo:
        assert demo.ends() == 1
        assert "the demo failed:" in demo.output
        assert "Traceback" not in demo.output
    assert processes_of(tmp_path) == {}
