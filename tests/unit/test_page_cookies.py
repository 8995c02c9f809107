"""Cookies of the hosted page: how far they go."""

from datetime import timedelta

import pytest
from flask import Response

from functions.page_cookies import set_page_cookie
from storage.clock import ManualClock
from storage.workspaces import Workspace


def cookie(public_url: str, *origins: str) -> set[str]:
    workspace = Workspace(
        id="w", name="Toko", webhook_secret="", created_at=ManualClock().now(), allowed_origins=origins
    )
    response = Response()
    set_page_cookie(
        response,
        "reader",
        "abc",
        workspace=workspace,
        public_url=public_url,
        path="/link/x",
        max_age=timedelta(hours=1),
    )
    return set(response.headers["Set-Cookie"].split("; "))


@pytest.mark.parametrize("origins", [(), ("https://app.example.com",)])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_script_reads_it_and_no_other_link_gets_it(scheme: str, origins: tuple[str, ...]) -> None:
    parts = cookie(f"{scheme}://link.example.com", *origins)
    assert {"reader=abc", "HttpOnly", "Path=/link/x", "Max-Age=3600"} <= parts
    assert ("Secure" in parts) is (scheme == "https")


def test_it_works_in_a_frame_of_a_workspace_that_lists_origins() -> None:
    parts = cookie("https://link.example.com", "https://app.example.com")
    assert {"SameSite=None", "Secure", "Partitioned"} <= parts


@pytest.mark.parametrize(
    ("public_url", "origins"),
    [("https://link.example.com", ()), ("http://link.example.com", ("https://app.example.com",))],
)
def test_it_stays_on_its_site_otherwise(public_url: str, origins: tuple[str, ...]) -> None:
    parts = cookie(public_url, *origins)
    assert "SameSite=Lax" in parts
    assert "Partitioned" not in parts
