"""A workspace's settings over HTTP and by command, and what they change on its pages."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.clock import ManualClock
from storage.sessions import Session
from tests.fakes import fixtures
from tests.fakes.functions import Backend
from tests.integration.page_site import PageSite, clock, site
from tests.integration.test_cli import run

__all__ = ["clock", "site"]

functions = fixtures.functions
backend = fixtures.backend

APP = "https://app.example.com"
CDN = "https://cdn.example.com"
LOGO = f"{CDN}/logo.png"


def change(backend: Backend, **wanted: Any) -> Any:
    return backend.call("PATCH", "/api/workspace", json=wanted)


def dress(site: PageSite, **fields: Any) -> Session:
    site.services.workspaces.change(site.workspace.id, lambda before: replace(before, **fields))
    return site.create()


def policy(site: PageSite, session: Session) -> dict[str, str]:
    header = site.client.get(site.path(session)).headers["Content-Security-Policy"]
    return dict(rule.strip().partition(" ")[::2] for rule in header.split(";"))


def test_settings_are_read_and_changed_one_at_a_time(backend: Backend) -> None:
    before = backend.get("/api/workspace").get_json()
    assert (before["name"], before["accent_color"], before["allowed_origins"]) == ("Toko Bunga", None, [])
    after = change(backend, accent_color="#B3261E", allowed_origins=["https://APP.example.com:443"])
    assert after.status_code == 200
    assert after.get_json() == before | {"accent_color": "#b3261e", "allowed_origins": [APP]}
    assert change(backend, name="Toko Baru", duplicates="refuse").get_json()["accent_color"] == "#b3261e"
    cleared = change(backend, accent_color=None, allowed_origins=[]).get_json()
    assert cleared == before | {"name": "Toko Baru", "duplicates": "refuse"}
    assert backend.get("/api/workspace").get_json() == cleared


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"accent_color": "red"}, "accent_color"),
        ({"allowed_origins": ["https://*.example.com"]}, "allowed_origins"),
        ({"allowed_origins": [APP] * 21}, "allowed_origins"),
        ({"allowed_origins": None}, "allowed_origins"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"duplicates": "whatever"}, "duplicates"),
        ({"logo_url": LOGO}, "logo_url"),
        ({"logo_origins": [CDN]}, "logo_origins"),
        ({"id": "x"}, "id"),
        ({"events_keep_days": 0}, "events_keep_days"),
        ({"events_keep_days": "7"}, "events_keep_days"),
        ({"ended_keep_days": -1}, "ended_keep_days"),
        ({"ended_keep_days": 3651}, "ended_keep_days"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_told_by_its_field_and_changes_nothing(
    backend: Backend, wanted: dict[str, Any], field: str
) -> None:
    before = backend.get("/api/workspace").get_json()
    answer = change(backend, **wanted)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"].startswith(field)
    assert backend.get("/api/workspace").get_json() == before


def test_a_session_names_no_origin(backend: Backend) -> None:
    answer = backend.post("/api/sessions", json={"allowed_origins": [APP]})
    assert answer.status_code == 422


def test_the_operator_lists_where_logos_come_from(tmp_path: Path) -> None:
    made = json.loads(run(tmp_path, "workspaces", "create", "Toko", "--json").stdout)["workspace_id"]
    refused = run(tmp_path, "workspaces", "set", made, "--logo-url", LOGO)
    assert refused.returncode == 2
    assert "--logo-origin" in refused.stderr
    done = run(
        tmp_path, "workspaces", "set", made, "--logo-origin", CDN, "--logo-url", LOGO, "--allow-origin", APP,
        "--accent-color", "#123456", "--name", "Toko Dua", "--json",
    )  # fmt: skip
    (shown,) = json.loads(done.stdout)
    assert (shown["logo_url"], shown["logo_origins"], shown["allowed_origins"]) == (LOGO, CDN, APP)
    assert (shown["name"], shown["accent_color"]) == ("Toko Dua", "#123456")
    (taken,) = json.loads(run(tmp_path, "workspaces", "set", made, "--logo-origin", "", "--json").stdout)
    assert (taken["logo_url"], taken["logo_origins"], taken["allowed_origins"]) == (None, "", APP)
    assert run(tmp_path, "workspaces", "set", made).returncode == 2


def test_how_long_the_past_is_kept_is_chosen_over_http_and_by_command(
    backend: Backend, tmp_path: Path
) -> None:
    shown = backend.get("/api/workspace").get_json()
    assert (shown["events_keep_days"], shown["ended_keep_days"]) == (None, None)
    shown = change(backend, events_keep_days=7, ended_keep_days=0).get_json()
    assert (shown["events_keep_days"], shown["ended_keep_days"]) == (7, 0)
    assert change(backend, ended_keep_days=None).get_json() == shown | {"ended_keep_days": None}

    def by_command(*options: str) -> list[int | None]:
        done = run(tmp_path, "workspaces", "set", backend.workspace_id, *options, "--json")
        (row,) = json.loads(done.stdout)
        return [row["events_keep_days"], row["ended_keep_days"]]

    assert by_command("--ended-keep-days", "90") == [7, 90]
    assert by_command("--events-keep-days", "default", "--ended-keep-days", "0") == [None, 0]
    wrong = run(tmp_path, "workspaces", "set", backend.workspace_id, "--events-keep-days", "0")
    assert (wrong.returncode, "neither default nor a number from 1 to 3650" in wrong.stderr) == (2, True)


def test_days_are_chosen_by_a_key_of_admin_scope_only(backend: Backend) -> None:
    made = backend.post("/api/keys", json={"scopes": ["sessions"]}).get_json()["api_key"]
    weaker = Backend(backend.functions, made, backend.workspace_id, backend.webhook_secret)
    assert change(weaker, events_keep_days=1).get_json()["code"] == "scope_missing"


def test_a_page_may_be_framed_by_listed_origins_and_by_nobody_else(site: PageSite) -> None:
    assert policy(site, site.create())["frame-ancestors"] == "'none'"
    session = dress(site, allowed_origins=(APP, "http://localhost:3000"))
    assert policy(site, session)["frame-ancestors"] == f"{APP} http://localhost:3000"


def test_an_expired_link_is_still_told_inside_the_frame(site: PageSite, clock: ManualClock) -> None:
    session = dress(site, allowed_origins=(APP,))
    clock.advance(site.services.links.ttl)
    answer = site.client.get(site.path(session))
    assert answer.status_code == 410
    assert f"frame-ancestors {APP}" in answer.headers["Content-Security-Policy"]


def test_an_unknown_link_is_framed_by_nobody(site: PageSite) -> None:
    dress(site, allowed_origins=(APP,))
    assert "frame-ancestors 'none'" in site.client.get("/link/" + "x" * 43).headers["Content-Security-Policy"]


def test_pictures_come_from_the_logos_origin_and_from_nowhere_else(site: PageSite) -> None:
    assert policy(site, site.create())["img-src"] == "'self' data:"
    session = dress(site, logo_origins=(CDN, "https://other.example"), logo_url=LOGO)
    assert policy(site, session)["img-src"] == f"'self' {CDN} data:"
    assert 'referrerpolicy="no-referrer"' in site.html(session)
    assert LOGO in site.html(session)


def test_the_colour_is_variables_of_the_style_and_nothing_more(site: PageSite) -> None:
    plain = site.html(site.create())
    html = site.html(dress(site, accent_color="#b3261e"))
    assert "--accent:#b3261e" in html
    assert "--accent:#b3261e" not in plain


def test_a_page_that_is_open_loads_anew_when_its_look_changes(site: PageSite) -> None:
    session = site.create()
    before = site.status(session)["page"]["build"]
    etag = site.client.get(site.path(session) + "/status").headers["ETag"]
    assert site.status(session)["page"]["build"] == before
    dress(site, accent_color="#b3261e")
    answer = site.client.get(site.path(session) + "/status", headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer.get_json()["page"]["build"] != before


def test_a_page_that_nobody_frames_carries_no_script_for_it(site: PageSite) -> None:
    assert 'id="embed"' not in site.html(site.create())
    session = dress(site, allowed_origins=(APP,))
    assert 'id="embed"' in site.html(session)


def test_what_a_frame_tells_holds_no_number_no_qr_and_no_token(site: PageSite) -> None:
    session = dress(site, allowed_origins=(APP,))
    site.shows_qr(session)
    site.is_linked(session)
    facts = site.html(session).partition('id="embed">')[2].partition("</script>")[0]
    told = json.loads(facts)
    assert set(told) == {"origins", "session_id", "status", "phase", "reason_code", "version"}
    assert "6281234567890" not in facts
    assert site.path(session).rpartition("/")[2] not in facts
