"""What linkpool promises to a backend and to a person, wherever its functions run: one suite for all of them.

A module with a fixture `system` runs it by a subclass. Every part is real: browsers, database, webhooks.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright
from standardwebhooks import WebhookVerificationError

from browser_pool.executable import find_executable
from tests.system import System
from tests.waiting import eventually

SCANNED = "+6281234567890"
PAIRED = "+628111222333"
NOBODYS_ID = "01JD3Z0V5M8Q4T2X9Y7W6R1K0B"
ON_PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
    "locale": "en-GB",
    "user_agent": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/141.0.0.0 Mobile Safari/537.36",
}
PATIENCE = 60.0
"""Seconds, for what takes two on a machine of its own."""


def decode(picture: bytes) -> str | None:
    """The text of the QR in a picture."""
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))
    return found[0].text if found else None


def gone(system: System, session_id: str, number: str) -> bool:
    """Of a session that was deleted, nothing is left: no device, no browser, no profile."""
    return (
        not any(device["linked"] for device in system.standin.state(number)["devices"])
        and session_id not in system.browsers().values()
        and not (system.data_dir / "profiles" / session_id).exists()
    )


def painted(system: System, session_id: str) -> bool:
    """The timeline has what the page showed between what the pool did."""
    steps = system.call("GET", f"/api/sessions/{session_id}/timeline").json()["steps"]
    told = [" ".join([step["what"], step["details"].get("what", "")]).strip() for step in steps]
    order = ["qr_shown", "painted qr", "scanned", "painted number"]
    return [what for what in told if what in order] == order


class Acceptance:
    """Needs `system`, for all tests of a module the same."""

    @pytest.fixture(scope="class")
    @classmethod
    def browser(cls) -> Iterator[Browser]:
        """The end user's own."""
        with sync_playwright() as playwright:
            arguments = ["--no-sandbox", "--disable-gpu"]
            browser = playwright.chromium.launch(executable_path=find_executable(None), args=arguments)
            yield browser
            browser.close()

    @pytest.fixture
    def page(self, browser: Browser) -> Iterator[Page]:
        """On a desktop."""
        page = browser.new_page(locale="en-GB")
        yield page
        page.close()

    @pytest.fixture
    def phone(self, browser: Browser) -> Iterator[Page]:
        """The same person's phone."""
        page = browser.new_page(**ON_PHONE)
        yield page
        page.close()

    # ── a person links an account ────────────────────────────────────────────

    def test_a_person_scans_the_page_and_the_backend_hears_the_number(
        self, system: System, page: Page
    ) -> None:
        session = system.create(reference="customer-7", metadata={"plan": "gold"})
        page.goto(session["link_url"])
        text = eventually(lambda: decode(page.screenshot()), "the page shows a QR that decodes", PATIENCE)
        assert text == system.session(session["id"])["qr"]["text"]
        system.standin.scan(text, SCANNED, pushname="Ayu")
        expect(page.locator("#phone-number")).to_have_text("+62 812-3456-7890", timeout=PATIENCE * 1000)
        linked = system.until(session["id"], "connected", PATIENCE)
        assert (linked["phone_number"], linked["is_primary"]) == (SCANNED, True)
        assert linked["timings"]["qr_generation_ms"] > 0
        assert linked["timings"]["phone_extraction_ms"] >= 0
        self.hears(system, session["id"])
        self.finds(system, session["id"])
        eventually(lambda: painted(system, session["id"]), "the page told what it painted")
        deleted = system.call("DELETE", f"/api/sessions/{session['id']}")
        assert (deleted.status_code, deleted.json()["status"]) == (200, "deleted")
        eventually(
            lambda: gone(system, session["id"], SCANNED), "device, browser and profile are gone", PATIENCE
        )
        assert system.call("DELETE", f"/api/sessions/{session['id']}").status_code == 200
        assert requests.get(session["link_url"], timeout=30).status_code in (404, 410)

    def hears(self, system: System, session_id: str) -> None:
        """The backend, in the order of what happened, and by its own secret."""
        (ready,) = eventually(
            lambda: [
                one
                for one in system.receiver.of_type("session_ready")
                if one.data["session_id"] == session_id
            ],
            "the backend got session_ready",
            PATIENCE,
        )
        assert (ready.data["phone_number"], ready.data["reference"]) == (SCANNED, "customer-7")
        assert ready.verify(str(system.receiver.secret)) == ready.body
        with pytest.raises(WebhookVerificationError):
            ready.verify("whsec_" + "AAAA" * 8)
        order = ["qr_code_generated", "session_authenticated", "session_ready"]
        assert [type_ for type_ in system.receiver.types(session_id) if type_ in order][-3:] == order

    def finds(self, system: System, session_id: str) -> None:
        """The session, by what the backend knows of it."""
        for query in ("reference=customer-7", "phone_number=%2B6281234567890", "status=connected&limit=1"):
            listed = system.call("GET", f"/api/sessions?{query}").json()["sessions"]
            assert [one["id"] for one in listed] == [session_id], query
        shown = system.call("GET", f"/api/sessions/{session_id}")
        again = system.call(
            "GET", f"/api/sessions/{session_id}", headers={"If-None-Match": shown.headers["ETag"]}
        )
        assert (again.status_code, again.content) == (304, b"")

    def test_a_person_on_the_phone_gets_a_code_and_links_again_after_a_logout(
        self, system: System, phone: Page
    ) -> None:
        session = system.create(start=False, locale="en")
        assert session["status"] == "created"
        phone.goto(session["link_url"])
        phone.get_by_label("Country").select_option("ID")
        phone.get_by_label("WhatsApp number").fill("0811-1222-333")
        phone.get_by_role("button", name="Get a code").tap()
        shown = phone.locator("#code")
        expect(shown).to_be_visible(timeout=PATIENCE * 1000)
        code = system.session(session["id"])["pairing_code"]
        assert (code["phone_number"], code["code"]) == (PAIRED, shown.inner_text().strip())
        system.standin.pair(PAIRED, code["code"].replace("-", ""))
        expect(phone.locator("#phone-number")).to_be_visible(timeout=PATIENCE * 1000)
        assert system.until(session["id"], "connected", PATIENCE)["phone_number"] == PAIRED
        assert system.call("POST", f"/api/sessions/{session['id']}/logout", json={}).status_code in (200, 202)
        system.until(session["id"], "logged_out", PATIENCE)
        assert not any(device["linked"] for device in system.standin.state(PAIRED)["devices"])
        restarted = system.call("POST", f"/api/sessions/{session['id']}/restart", json={})
        assert restarted.status_code in (200, 202)
        self.same_qr_everywhere(system, session["id"])
        system.scan(session["id"], PAIRED, PATIENCE)
        assert system.until(session["id"], "connected", PATIENCE)["phone_number"] == PAIRED

    def same_qr_everywhere(self, system: System, session_id: str) -> None:
        """As text, as PNG and as SVG; asked for again when it was just renewed."""
        path = f"/api/sessions/{session_id}/qr"
        system.until(session_id, lambda one: one["qr"] is not None, PATIENCE)
        png = system.call("GET", f"{path}.png")
        assert (png.status_code, png.headers["Content-Type"]) == (200, "image/png")
        eventually(
            lambda: (
                decode(system.call("GET", f"{path}.png").content) == system.session(session_id)["qr"]["text"]
            ),
            "the picture holds the text",
            PATIENCE,
        )
        svg = system.call("GET", f"{path}.svg")
        assert svg.headers["Content-Type"].startswith("image/svg+xml")
        assert "<svg" in svg.text
        assert "no-store" in svg.headers["Cache-Control"]

    # ── what a backend may get wrong ─────────────────────────────────────────

    @pytest.mark.parametrize(
        ("body", "status", "field"),
        [
            (b'{"reference": ', 400, None),
            (b"[]", 400, None),
            (b'{"refrence": "customer-7"}', 422, "refrence"),
            (b'{"phone": "12"}', 422, "phone"),
            (b'{"locale": 7}', 422, "locale"),
            (b'{"return_url": "javascript:alert(1)"}', 422, "return_url"),
            (b'{"metadata": "' + b"x" * 300_000 + b'"}', 413, None),
            (b"\xff\xfe\x00", 400, None),
        ],
        ids=["half", "list", "unknown-field", "phone", "locale", "address", "huge", "bytes"],
    )
    def test_a_session_that_cannot_be_made_is_refused_by_field(
        self, system: System, body: bytes, status: int, field: str | None
    ) -> None:
        refused = system.call(
            "POST", "/api/sessions", data=body, headers={"Content-Type": "application/json"}
        )
        assert (refused.status_code, refused.headers["Content-Type"]) == (status, "application/problem+json")
        problem = refused.json()
        assert problem["status"] == status
        assert problem["request_id"]
        if field is not None:
            assert field in [error["field"] for error in problem["errors"]]

    @pytest.mark.parametrize("header", [None, "Bearer no", "Bearer lp_abcdefgh_" + "x" * 32, "Basic eA=="])
    def test_without_a_good_key_nothing_is_told(self, system: System, header: str | None) -> None:
        for path in ("/api/sessions", f"/api/sessions/{NOBODYS_ID}", "/api/workspace"):
            headers = {} if header is None else {"Authorization": header}
            refused = requests.get(f"{system.functions_url}{path}", headers=headers, timeout=30)
            assert (refused.status_code, refused.headers["Content-Type"]) == (401, "application/problem+json")
            assert "Bearer" in refused.headers["WWW-Authenticate"]

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", f"/api/sessions/{NOBODYS_ID}", 404, "session_not_found"),
            ("DELETE", f"/api/sessions/{NOBODYS_ID}", 404, "session_not_found"),
            ("GET", f"/api/sessions/{NOBODYS_ID}/qr.png", 404, "session_not_found"),
            ("POST", f"/api/sessions/{NOBODYS_ID}/logout", 404, "session_not_found"),
            ("GET", "/api/sessions?status=sleeping", 422, "invalid_request"),
            ("GET", "/api/nothing", 404, "not_found"),
            ("PUT", "/api/sessions", 405, "method_not_allowed"),
        ],
    )
    def test_what_is_not_there_has_a_code(
        self, system: System, method: str, path: str, status: int, code: str
    ) -> None:
        answer = system.call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_a_call_that_is_repeated_with_its_key_makes_one_session(self, system: System) -> None:
        key = {"Idempotency-Key": "order-7"}
        wanted = {"reference": "repeated", "start": False}
        first = system.call("POST", "/api/sessions", json=wanted, headers=key)
        again = system.call("POST", "/api/sessions", json=wanted, headers=key)
        assert first.json()["id"] == again.json()["id"]
        assert again.headers["Idempotency-Replayed"] == "true"
        other = system.call("POST", "/api/sessions", json={"reference": "other"}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        listed = system.call("GET", "/api/sessions?reference=repeated").json()["sessions"]
        assert [one["id"] for one in listed] == [first.json()["id"]]

    def test_a_list_is_read_page_by_page(self, system: System) -> None:
        made = [system.create(reference="paged", start=False)["id"] for _ in range(3)]
        seen: list[str] = []
        cursor = ""
        while True:
            page = system.call("GET", f"/api/sessions?reference=paged&limit=2{cursor}").json()
            seen += [one["id"] for one in page["sessions"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert seen == made[::-1]

    def test_a_workspace_sees_nothing_of_another(self, system: System) -> None:
        session = system.create(reference="mine", start=False)
        secret = system.receiver.secret
        _, other_key, _ = system.workspace("Toko Lain")
        system.receiver.secret = secret
        assert system.call("GET", f"/api/sessions/{session['id']}", api_key=other_key).status_code == 404
        assert system.call("GET", "/api/sessions", api_key=other_key).json()["sessions"] == []

    # ── what everybody may see ───────────────────────────────────────────────

    def test_a_link_that_is_none_is_a_page_that_says_so(self, system: System) -> None:
        for token in ("nothing", "%00", "..%2f..%2fapi%2fsessions", "x" * 900):
            answer = requests.get(f"{system.functions_url}/link/{token}", timeout=30)
            assert answer.status_code in (400, 404), token
            assert "Set-Cookie" not in answer.headers

    def test_a_page_belongs_to_the_browser_that_opened_it_first(self, system: System, phone: Page) -> None:
        session = system.create(start=False, locale="en")
        answer = phone.goto(session["link_url"])
        assert answer is not None
        assert "nonce-" in answer.headers["content-security-policy"]
        (cookie,) = phone.context.cookies(session["link_url"])
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        phone.reload()  # a previewer never comes back
        foreign = requests.post(
            f"{session['link_url']}/start", headers={"Accept": "application/json"}, timeout=30
        )
        assert (foreign.status_code, foreign.json()["code"]) == (403, "other_browser")
        assert system.session(session["id"])["status"] == "created"
        assert requests.head(session["link_url"], timeout=30).content == b""

    def test_the_contract_is_served_as_it_is_published(self, system: System) -> None:
        served = requests.get(f"{system.functions_url}/openapi.json", timeout=30)
        published = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text("utf-8"))
        assert served.json()["paths"] == published["paths"]
        assert served.json()["openapi"].startswith("3.1")
        read = requests.get(f"{system.functions_url}/docs", timeout=30)
        assert (read.status_code, read.headers["Content-Type"].split(";")[0]) == (200, "text/html")

    def test_it_says_that_it_lives_and_is_ready(self, system: System) -> None:
        for path in ("/livez", "/readyz", "/health"):
            assert requests.get(f"{system.functions_url}{path}", timeout=30).status_code == 200, path
