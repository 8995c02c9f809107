"""The rate limits of the functions: for each API key, for each link, and for each address.

Rule: who shows a key or a link that was good before is limited by that key or link alone, so that nobody
can lock out his neighbour behind one address. Everything else is counted for its address, wrong keys and
tokens apart and more strictly, and who has used that up is refused before anything is looked up.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from functions.client_address import ClientAddress
from functions.limit_state import LimitState
from functions.rate_policy import Decision, RatePolicy
from storage.clock import Clock

_SAID_EVERY_SECONDS = 60.0
_MOST_SAID = 1000
"""Lines a minute about refusals, at most: a flood of requests must not be one of lines."""

_MOST_KNOWN = 20_000
"""Keys and links that a process remembers to have been good; 100 bytes each."""


@dataclass(frozen=True, kw_only=True)
class LimitSettings:
    """Quotas by the minute; 0 switches one off."""

    key: int
    """RATE_KEY_PER_MINUTE, 30000: calls with one API key. A sixth of what two cores answer."""
    link: int
    """RATE_LINK_PER_MINUTE, 3000: requests to one hosted page. A page polls up to 400 times a minute; people
    open several tabs."""
    link_action: int
    """RATE_LINK_ACTION_PER_MINUTE, 30: starts, new QRs and pairing codes asked for on one hosted page."""
    address: int
    """RATE_ADDRESS_PER_MINUTE, 1200: requests of one address that need neither key nor link."""
    wrong: int
    """RATE_WRONG_PER_MINUTE, 60: keys, link tokens and signatures of one address that were wrong."""


class Limits:
    """Counts and decides. With no state nothing is limited."""

    def __init__(
        self, state: LimitState | None, settings: LimitSettings, addresses: ClientAddress, clock: Clock
    ) -> None:
        self._state = state
        self._clock = clock
        self._addresses = addresses
        self.key = RatePolicy(name="key", quota=settings.key)
        self.link = RatePolicy(name="link", quota=settings.link)
        self.link_action = RatePolicy(name="link-action", quota=settings.link_action)
        self.address = RatePolicy(name="address", quota=settings.address)
        self.wrong = RatePolicy(name="wrong-credentials", quota=settings.wrong)
        self._known = _Known()
        self._said: dict[tuple[str, str], float] = {}

    def client(self, environ: Mapping[str, object]) -> str:
        """Who asks, by address; from a WSGI environment."""
        return self._addresses.site_in(environ)

    def take(self, policy: RatePolicy, who: str) -> Decision | None:
        """Take one; None where there is no limit."""
        if self._state is None or policy.quota == 0:
            return None
        return self._state.take(policy, who, self._clock.now().timestamp())

    def look(self, policy: RatePolicy, who: str) -> Decision | None:
        """Whether one could be taken; None where there is no limit."""
        if self._state is None or policy.quota == 0:
            return None
        return self._state.look(policy, who, self._clock.now().timestamp())

    def was_good(self, credential: str) -> bool:
        """Whether this key or token was found good by this process, lately."""
        return credential in self._known

    def found(self, credential: str, *, good: bool) -> None:
        """What became of a key or token."""
        self._known.set(credential, good)

    def is_news(self, policy: RatePolicy, who: str) -> bool:
        """Whether a refusal is worth a line: the first of a caller in a minute."""
        now = self._clock.monotonic()
        if now - self._said.get((policy.name, who), -_SAID_EVERY_SECONDS) < _SAID_EVERY_SECONDS:
            return False
        if len(self._said) >= _MOST_SAID:
            for name in [name for name, at in list(self._said.items()) if now - at >= _SAID_EVERY_SECONDS]:
                self._said.pop(name, None)
            if len(self._said) >= _MOST_SAID:
                return False
        self._said[policy.name, who] = now
        return True

    def close(self) -> None:
        """Twice is fine."""
        if self._state is not None:
            self._state.close()


class _Known:
    """Hashes of what was good, the ones used last. Keyed, so that time tells nothing of them."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(16)
        self._hashes: OrderedDict[bytes, None] = OrderedDict()
        self._turn = threading.Lock()

    def __contains__(self, credential: str) -> bool:
        name = self._hash(credential)
        with self._turn:
            if name not in self._hashes:
                return False
            self._hashes.move_to_end(name)
            return True

    def set(self, credential: str, good: bool) -> None:
        name = self._hash(credential)
        with self._turn:
            if not good:
                self._hashes.pop(name, None)
                return
            self._hashes[name] = None
            if len(self._hashes) > _MOST_KNOWN:
                self._hashes.popitem(last=False)

    def _hash(self, credential: str) -> bytes:
        return hashlib.blake2b(
            credential.encode("utf-8", "surrogatepass"), digest_size=16, key=self._salt
        ).digest()
