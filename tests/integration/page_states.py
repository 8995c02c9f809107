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
    assert isinstance(site.clock, ManualClock), "a minute has to pass"
    site.clock.advance(timedelta(minutes=1))
    site.node_reports()
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


def _opens_form(page: Page) -> None:
    page.locator("#by-phone summary").click()


def _gets_number_wrong(page: Page) -> None:
    if page.locator("#by-phone summary").count():
        _opens_form(page)
    page.locator("#number").fill("0812")
    page.locator("#get-code").click()
    expect(page.locator("#number-wrong")).to_be_visible()


def _loses_network(page: Page) -> None:
    page.route("**/status*", lambda route: route.abort())
    expect(page.locator("#trouble")).to_be_visible()


@dataclass(frozen=True)
class State:
    """One state: how a link gets there, and what the reader does on the page."""

    name: str
    make: Callable[[PageSite], Session] | None
    """None for an address that no link has."""
    screen: Screen | None = None
    then: Callable[[Page], None] | None = None
    query: str = ""

    def address(self, site: PageSite, locale: str) -> str:
        """Of a new link in this state, in a language."""
        path = "/link/" + "x" * 43 if self.make is None else site.path(self.make(site))
        return f"{site.origin}{path}?lang={locale}{self.query}"


STATES = (
    State("not-started", not_started, Screen.NOT_STARTED),
    State("queued", queued, Screen.QUEUED),
    State("preparing", preparing, Screen.PREPARING),
    State("renewing", renewing, Screen.PREPARING),
    State("scan", _scanning, Screen.SCAN),
    State("scan-or-number", _scanning, Screen.SCAN, _opens_form),
    State("number-wrong", _scanning, Screen.SCAN, _gets_number_wrong),
    State("offline", _scanning, Screen.SCAN, _loses_network),
    State("code", code, Screen.CODE),
    State("passkey", passkey, Screen.PASSKEY),
    State("linking", linking, Screen.LINKING),
    State("linked", _linked, Screen.LINKED),
    State("linked-without-number", linked_without_number, Screen.LINKED_WITHOUT_NUMBER),
    State("reconnecting", reconnecting, Screen.RECONNECTING),
    State("expired", expired, Screen.EXPIRED),
    State("logged-out", logged_out, Screen.LOGGED_OUT),
    State("failed", failed, Screen.FAILED),
    State("replaced", replaced, Screen.REPLACED),
    State("deleted", deleted),
    State("unknown-link", None),
)
