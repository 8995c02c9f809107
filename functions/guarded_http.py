"""HTTP to addresses that strangers chose. The door to requests for webhooks.

Rule: a name is resolved once, every address is judged, and the connection is made to the judged address
itself. No port is even tried on an address that is not public. Everything together has one deadline.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NoReturn

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from functions.addresses import host_and_port, is_public
from functions.deadline import Deadline
from storage.errors import LinkpoolError

TIMEOUT_SECONDS = 10.0
"""For connect, send, wait and read together. A receiver should store and answer at once."""

MAX_ANSWER_BYTES = 64 * 1024
"""Only the status counts. More is not read, and the connection not used again."""


KEPT_ANSWER_BYTES = 1024
"""More than the log shows, so that it can cut between characters."""


class AddressRefused(LinkpoolError):
    """The name leads to an address that is not public."""


@dataclass(frozen=True)
class Answer:
    """What a receiver said."""

    status: int
    retry_after: str | None
    start: bytes = b""
    """The beginning of its body, for the log; nothing when it is compressed."""


class _Watched:
    """A connection that the deadline of the running attempt can end, also in the middle of a handshake."""

    public_only = False
    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        assert isinstance(self, HTTPConnection | HTTPSConnection)
        connected = _connect(self, public_only=self.public_only)
        self._handle = connected.dup()  # survives the wrapping into TLS, which takes the first one over
        Deadline.current().watch(self._handle)
        return connected

    def request(self, *arguments: Any, **options: Any) -> None:
        if self._handle is not None:  # kept open since an earlier attempt
            Deadline.current().watch(self._handle)
        super().request(*arguments, **options)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()


def _connect(connection: HTTPConnection, *, public_only: bool) -> socket.socket:
    """Connect to the first address that accepts; with `public_only`, to none if one of them is private."""
    host = connection.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NewConnectionError(connection, f"{host} cannot be resolved: {error}") from error
    private = next((str(address[0]) for *_, address in found if not is_public(str(address[0]))), None)
    if public_only and private is not None:
        raise AddressRefused(f"{host} leads to {private}, which is not a public address")
    failure: OSError | None = None
    for family, kind, protocol, _, address in found:
        attempt = socket.socket(family, kind, protocol)
        attempt.settimeout(TIMEOUT_SECONDS / 2)
        # urllib3 sends head and body apart; without this the body waits 40 ms for an acknowledgement
        attempt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            attempt.connect(address)
        except OSError as error:
            attempt.close()
            failure = error
        else:
            attempt.settimeout(TIMEOUT_SECONDS)
            return attempt
    raise NewConnectionError(connection, f"{host} does not accept connections: {failure}") from failure


class _Http(_Watched, HTTPConnection):
    pass


class _Https(_Watched, HTTPSConnection):
    pass


class _PublicHttps(_Https):
    public_only = True


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


class _PublicHttpsPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHttps


class _Adapter(HTTPAdapter):
    """Makes connections of these classes; without http for strangers."""

    def __init__(self, pools: dict[str, Any]) -> None:
        self._pools = pools
        super().__init__(pool_maxsize=32)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *_: Any, **__: Any) -> NoReturn:
        raise AddressRefused("webhooks are not sent through a proxy: it would connect where we must not")


class GuardedHttp:
    """Posts to receivers. Safe to use from several threads."""

    def __init__(self, allowed: frozenset[str], *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._allowed = allowed
        self._timeout = timeout
        self._strangers = _session(_Adapter({"https": _PublicHttpsPool}))
        self._friends = _session(_Adapter({"http": _HttpPool, "https": _HttpsPool}))

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Send and read the status. Raises requests.RequestException, AddressRefused."""
        session = self._strangers
        if host_and_port(url) in self._allowed:
            session = self._friends
        elif not url.startswith("https://"):
            raise AddressRefused("only https is spoken, but to hosts in WEBHOOK_ALLOW_HOSTS")
        with (
            Deadline(self._timeout) as deadline,
            session.post(
                url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False, stream=True
            ) as response,
        ):
            try:  # the rest of it, so that the connection can be used again
                content = response.raw.read(MAX_ANSWER_BYTES, decode_content=False)
            except Exception as error:
                raise requests.ConnectionError(f"the answer broke off: {type(error).__name__}") from error
            if deadline.over:
                raise requests.Timeout(f"no whole answer within {self._timeout:g} s")
            return Answer(
                status=response.status_code,
                retry_after=response.headers.get("Retry-After"),
                start=b"" if "Content-Encoding" in response.headers else content[:KEPT_ANSWER_BYTES],
            )

    def close(self) -> None:
        """Close every connection. Twice is fine."""
        self._strangers.close()
        self._friends.close()


def _session(adapter: HTTPAdapter) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # neither a proxy nor a .netrc of ours
    # a receiver's cookies would be kept for ever, and sent with the webhooks of its other customers
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
