"""Refs and pairing codes now on display: what a phone may accept. An offer dies at its deadline, when its
page leaves, and when a newer one of the same page replaces it."""

import asyncio
import base64
import secrets
from collections import deque
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

CODE_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"
CODE_LENGTH = 8
DEAD_KEPT = 2_000  # so that "dead" can be told from "unknown"


class Refused(Exception):
    """The phone cannot accept this. `code` is for programs, the message for people, `status` for HTTP."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Offering(Protocol):
    """A page that can be linked."""

    def qr_parts(self) -> list[str]:
        """What follows the ref in the QR text."""
        ...


PageT = TypeVar("PageT", bound=Offering)


@dataclass(frozen=True)
class Offer(Generic[PageT]):
    page: PageT
    dies_at: float
    number: str | None = None  # a code is made for one number


class Offers(Generic[PageT]):
    def __init__(self) -> None:
        self._refs: dict[str, Offer[PageT]] = {}
        self._codes: dict[str, Offer[PageT]] = {}
        self._dead: deque[str] = deque(maxlen=DEAD_KEPT)

    def new_ref(self, page: PageT, ttl_ms: int) -> str:
        self._kill(page, self._refs)
        ref = "2@" + base64.b64encode(secrets.token_bytes(66)).decode()
        self._refs[ref] = Offer(page, _now() + ttl_ms / 1000)
        return ref

    def new_code(self, page: PageT, number: str, ttl_ms: int) -> str:
        self._kill(page, self._codes)
        code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
        self._codes[code] = Offer(page, _now() + ttl_ms / 1000, number)
        return code

    def withdraw(self, page: PageT) -> None:
        """The page offers nothing any more: linked, or gone."""
        self._kill(page, self._refs)
        self._kill(page, self._codes)

    def scan(self, text: str) -> PageT:
        """The page whose QR this is."""
        ref, *parts = text.split(",")
        offer = self._refs.get(ref)
        if ref in self._dead or (offer and offer.dies_at <= _now()):
            raise Refused(410, "dead_ref", "this QR is no longer valid; scan the one on display")
        if offer is None:
            raise Refused(404, "unknown_ref", "this QR was never shown by this site")
        expected = offer.page.qr_parts()
        if parts not in (expected, expected[:3]):
            raise Refused(409, "foreign_ref", "the keys in this QR are not those of the page that showed it")
        return offer.page

    def enter(self, number: str, code: str) -> PageT:
        """The page that shows this pairing code for this number."""
        code = code.replace("-", "").upper()
        offer = self._codes.get(code)
        if code in self._dead or (offer and offer.dies_at <= _now()):
            raise Refused(410, "dead_code", "this code is no longer valid; ask for a new one")
        if offer is None or offer.number != number:
            raise Refused(404, "unknown_code", "no page shows this code for this number")
        return offer.page

    def _kill(self, page: PageT, offers: dict[str, Offer[PageT]]) -> None:
        for text in [text for text, offer in offers.items() if offer.page is page]:
            del offers[text]
            self._dead.append(text)


def _now() -> float:
    return asyncio.get_running_loop().time()
