"""Every state that a person can meet the hosted page in, each brought about by the events that lead to it.

Rule: a screen of the page that is not here is not looked at by anybody; a test holds that none is missing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from playwright.sync_api import Page, expect

from functions.link_view import Screen
from storage.clock import ManualClock, to_wire
from storage.events import EventType
from storage.sessions import Session
from tests.integration.page_site import PageSite

PHONE_NUMBER = "+6281234567890"
SECURE = "https://localhost"
"""For a client that keeps cookies which only travel encrypted."""
LONG = timedelta(minutes=9, seconds=30)


def _soon(site: PageSite, span: timedelta = LONG) -> str:
    return to_wire(site.clock.now() + span)


def _created(site: PageSite, **wanted: Any) -> Session:
    return site.create(return_url="https://app.example.com/done", **wanted)


def _scanning(site: PageSite) -> Session:
    session = _created(site)
    site.shows_qr(session, seconds=600)
    return session


def _linked(site: PageSite, phone_number: str | None = PHONE_NUMBER) -> Session:
    session = _scanning(site)
    site.is_linked(session, phone_number)
    return session


def not_started(site: PageSite) -> Session:
    return _created(site, start=False)


def queued(site: PageSite) -> Session:
    session = _created(site)
    site.happens(session, EventType.SESSION_QUEUED, position=3, estimated_wait_ms=9000)
    return session


def preparing(site: PageSite) -> Session:
    session = _created(site)
    site.happens(session, EventType.SESSION_STARTING, phase="loading")
    return session


def renewing(site: PageSite) -> Session:
    session = _created(site)
    site.shows_qr(session, seconds=0)
    return session


def code(site: PageSite) -> Session:
    session = _created(site, phone=PHONE_NUMBER)
    site.happens(
        session,
        EventType.PAIRING_CODE_GENERATED,
        code="ABCD-EFGH",
        phone_number=PHONE_NUMBER,
        expires_at=_soon(site),
    )
    return session


def passkey(site: PageSite) -> Session:
    session = _scanning(site)
    site.happens(session, EventType.PASSKEY_REQUIRED, expires_at=_soon(site))
    return session


def linking(site: PageSite) -> Session:
    session = _scanning(site)
    site.happens(session, EventType.SESSION_AUTHENTICATED)
    return session


def linked_without_number(site: PageSite) -> Session:
    """The number was waited for."""
    session = _linked(site, None)
    _passes(site, timedelta(minutes=1))
    return session


def reconnecting(site: PageSite) -> Session:
    session = _linked(site, "+6281234567891")
    site.happens(session, EventType.SESSION_DISCONNECTED, reason_code="browser_crash")
    return session


def expired(site: PageSite) -> Session:
    session = _scanning(site)
    site.happens(session, EventType.SESSION_EXPIRED, reason_code="qr_timeout")
    return session


def logged_out(site: PageSite) -> Session:
    session = _linked(site, "+6281234567892")
    site.happens(session, EventType.SESSION_LOGGED_OUT, reason_code="wa_logout")
    return session


def failed(site: PageSite) -> Session:
    session = _created(site)
    site.happens(session, EventType.SESSION_FAILED, reason_code="load_timeout", message="")
    return session


def replaced(site: PageSite) -> Session:
    older = _linked(site, "+6281234567893")
    _linked(site, "+6281234567893")
    return older


def deleted(site: PageSite) -> Session:
    session = _scanning(site)
    site.services.sessions.delete(session)
    return session


def late(site: PageSite) -> Session:
    session = preparing(site)
    _passes(site, timedelta(seconds=30))
    return session


def expects_number(site: PageSite) -> Session:
    return _created(site, start=False, expected_phone=PHONE_NUMBER)


def restricted(site: PageSite) -> Session:
    session = _created(site)
    site.happens(session, EventType.SESSION_FAILED, reason_code="account_restricted", message="")
    return session


def wrong_number(site: PageSite) -> Session:
    session = _created(site, expected_phone=PHONE_NUMBER)
    site.happens(session, EventType.SESSION_FAILED, reason_code="wrong_number", message="")
    return session


def expired_link(site: PageSite) -> Session:
    session = _scanning(site)
    _passes(site, site.services.config.link_ttl + timedelta(seconds=1))
    return session


def finished_link(site: PageSite) -> Session:
    session = _linked(site, "+6281234567894")
    _passes(site, site.services.config.link_ttl + timedelta(seconds=1))
    return session


def revoked_link(site: PageSite) -> Session:
    session = _scanning(site)
    site.services.sessions.revoke_link(session)
    return session


def of_another_browser(site: PageSite) -> Session:
    """Somebody opened the link, and came back with the cookie."""
    session = _scanning(site)
    other = site.app.test_client()
    assert other.get(site.path(session), base_url=SECURE).status_code == 200
    assert other.get(site.path(session) + "/status", base_url=SECURE).status_code == 200
    return session


def _passes(site: PageSite, span: timedelta) -> None:
    assert isinstance(site.clock, ManualClock), "time has to pass"
    site.clock.advance(span)
    site.node_reports()


def _opens_form(page: Page, site: PageSite, session: Session) -> None:
    page.locator("#by-phone summary").click()


def _opens_help(page: Page, site: PageSite, session: Session) -> None:
    page.locator("#help summary").click()


def _gets_number_wrong(page: Page, site: PageSite, session: Session) -> None:
    page.locator("#number").fill("0812")
    page.locator("#get-code").click()
    expect(page.locator("#number-wrong")).to_be_visible()


def _sees_link_happen(page: Page, site: PageSite, session: Session) -> None:
    site.happens(
        session,
        EventType.SESSION_READY,
        phone_number="+6281234567895",
        display_name="Ayu",
        platform="android",
    )
    expect(page.locator("#returning")).to_be_visible()


def _loses_network(page: Page, site: PageSite, session: Session) -> None:
    page.route("**/status*", lambda route: route.abort())
    expect(page.locator("#trouble")).to_be_visible()


@dataclass(frozen=True)
class State:
    """One state: how a link gets there, and what the reader does on the page."""

    name: str
    make: Callable[[PageSite], Session] | None
    """None for an address that no link has."""
    screen: Screen | None = None
    then: Callable[[Page, PageSite, Session], None] | None = None
    query: str = ""

    def address(self, site: PageSite, session: Session | None, locale: str) -> str:
        """Of a link, in a language."""
        path = "/link/" + "x" * 43 if session is None else site.path(session)
        return f"{site.origin}{path}?lang={locale}{self.query}"

    def enter(self, page: Page, site: PageSite, locale: str = "en") -> None:
        """Open a new link that is in this state."""
        session = None if self.make is None else self.make(site)
        page.unroute_all()
        page.goto(self.address(site, session, locale))
        if self.then is not None and session is not None:
            self.then(page, site, session)


BY_QR, BY_PHONE = "&by=qr", "&by=phone"

STATES = (
    State("not-started", not_started, Screen.NOT_STARTED, query=BY_QR),
    State("expects-number", expects_number, Screen.NOT_STARTED, query=BY_QR),
    State("queued", queued, Screen.QUEUED, query=BY_QR),
    State("preparing", preparing, Screen.PREPARING, query=BY_QR),
    State("late", late, Screen.PREPARING, query=BY_QR),
    State("renewing", renewing, Screen.PREPARING, query=BY_QR),
    State("scan", _scanning, Screen.SCAN, query=BY_QR),
    State("scan-form-open", _scanning, Screen.SCAN, _opens_form, BY_QR),
    State("scan-help-open", _scanning, Screen.SCAN, _opens_help, BY_QR),
    State("offline", _scanning, Screen.SCAN, _loses_network, BY_QR),
    State("number-first", _scanning, Screen.SCAN, query=BY_PHONE),
    State("number-wrong", _scanning, Screen.SCAN, _gets_number_wrong, BY_PHONE),
    State("code", code, Screen.CODE),
    State("passkey", passkey, Screen.PASSKEY),
    State("linking", linking, Screen.LINKING),
    State("linked", _linked, Screen.LINKED),
    State("linked-just-now", linking, Screen.LINKED, _sees_link_happen),
    State("linked-without-number", linked_without_number, Screen.LINKED_WITHOUT_NUMBER),
    State("reconnecting", reconnecting, Screen.RECONNECTING),
    State("expired", expired, Screen.EXPIRED),
    State("logged-out", logged_out, Screen.LOGGED_OUT),
    State("failed", failed, Screen.FAILED),
    State("wrong-number", wrong_number, Screen.FAILED),
    State("restricted", restricted, Screen.FAILED),
    State("replaced", replaced, Screen.REPLACED),
    State("deleted", deleted),
    State("expired-link", expired_link),
    State("finished-link", finished_link),
    State("revoked-link", revoked_link),
    State("other-browser", of_another_browser),
    State("unknown-link", None),
)
