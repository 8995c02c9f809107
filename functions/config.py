"""The environment of the functions and the deliverer, read once in a composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from functions.client_address import Network, read_networks
from functions.limits import LimitSettings
from functions.placement import Strategy
from functions.retry_schedule import SCHEDULE
from storage.database import check_database_url, sqlite_url
from storage.errors import ConfigError
from storage.number_keys import NumberKeys
from storage.private_tls import PrivateTls
from storage.retention import AUDIT_KEPT
from storage.secret_rules import problems_of, split_secrets

_MOST_RETRIES = 100
_LONGEST_PAUSE = 7 * 24 * 3600
EVENTS_KEEP_DAYS = 30
"""A month: longer than a bug in a backend stays unnoticed."""

_HOST_AND_PORT = "host:port, with commas between several"


class LimitsKept(StrEnum):
    """Where rate limits are counted."""

    FILE = "file"
    """Shared by the workers of one machine; microseconds."""
    REGISTRY = "registry"
    """Shared by all machines; a write for each request. For Lambda."""
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class FunctionsConfig:
    """Everything that the functions can be told. No secret has a default."""

    database_url: str
    """DATABASE_URL, or registry.db in DATA_DIR (./data): where the registry lies, or postgresql://…."""
    public_url: str
    """PUBLIC_URL: how end users reach the functions; hosted pages and QR images are named under it."""
    pool_secrets: tuple[str, ...]
    """POOL_SECRET: proves nodes to us and us to nodes. Several, with commas, while one replaces another:
    the first signs, all verify."""
    secret_keys: tuple[str, ...]
    """SECRET_KEY: makes the tokens of hosted pages. Several as above: the first makes, all are good; a key
    that is taken out revokes the links that it made."""
    number_keys: NumberKeys
    """NUMBERS_KEY, NUMBERS_KEY_OLD, none: seal and open the phone numbers in the registry."""
    tls: PrivateTls | None
    """TLS_CERT, TLS_KEY, TLS_CA: shown to nodes, and what their certificates have to come from. None: nodes
    are reached by plain HTTP in a private network."""
    link_ttl: timedelta
    """LINK_TTL_SECONDS, one hour: how long a hosted page can start or pair; a restart renews it."""
    lease_ttl: timedelta
    """LEASE_TTL_SECONDS, 15: a node that was silent for so long loses its sessions to others."""
    placement: Strategy
    """PLACEMENT, least_loaded: which node gets a session; the names are those of `placement.Strategy`."""
    webhook_retry: tuple[timedelta, ...]
    """WEBHOOK_RETRY_SECONDS, as in `retry_schedule`: the pauses after failed attempts of a webhook."""
    webhook_allow_hosts: frozenset[str]
    """WEBHOOK_ALLOW_HOSTS, none: host:port pairs that may be private and spoken to without TLS."""
    metrics_token: str | None
    """METRICS_TOKEN, none: the bearer token that reads /metrics; without one nobody may."""
    ops_token: str | None
    """OPS_TOKEN, none: opens the operator's page /ops; without one nobody may."""
    events_keep: timedelta
    """EVENTS_KEEP_DAYS, 30: how long applied events and delivered webhooks are remembered."""
    ended_keep: timedelta | None
    """ENDED_KEEP_DAYS, 0: how long ended sessions are kept before they are erased; None: until deleted."""
    audit_keep: timedelta
    """AUDIT_KEEP_DAYS, 365: how long the audit log is remembered."""
    limits: LimitSettings
    """RATE_…_PER_MINUTE, the limits: how often one key, link or address may ask."""
    limits_state: LimitsKept
    """LIMITS_STATE, file: where that is counted."""
    limits_file: Path | None
    """LIMITS_FILE: the file; None: beside an SQLite registry, else among this machine's temporary files."""
    header_max_bytes: int
    """HEADER_MAX_BYTES, 4096: one header field with its name. The longest of ours are keys and signatures."""
    header_max_fields: int
    """HEADER_MAX_FIELDS, 64: header fields of a request. Browsers send 20, proxies add 10."""
    trusted_proxies: tuple[Network, ...]
    """TRUSTED_PROXIES, none: addresses and networks whose X-Forwarded-For is believed."""

    @property
    def pool_secret(self) -> str:
        """What signs."""
        return self.pool_secrets[0]

    @property
    def secret_key(self) -> str:
        """What makes new tokens."""
        return self.secret_keys[0]

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> FunctionsConfig:
        """Raises ConfigError with everything that is missing or wrong."""
        read = _Reader(environ)
        port = read.number("FUNCTIONS_PORT", default=8000, least=1, most=65535)
        config = cls(
            database_url=read.database("DATABASE_URL"),
            public_url=read.url("PUBLIC_URL", default=f"http://127.0.0.1:{port:.0f}"),
            pool_secrets=read.secrets("POOL_SECRET"),
            secret_keys=read.secrets("SECRET_KEY"),
            number_keys=NumberKeys.from_env(environ, read.problems),
            tls=PrivateTls.from_env(environ, read.problems),
            link_ttl=timedelta(seconds=read.number("LINK_TTL_SECONDS", default=3600, least=1)),
            lease_ttl=timedelta(seconds=read.number("LEASE_TTL_SECONDS", default=15, least=1)),
            placement=Strategy(read.choice("PLACEMENT", default=Strategy.LEAST_LOADED, of=list(Strategy))),
            webhook_retry=read.pauses("WEBHOOK_RETRY_SECONDS", default=SCHEDULE),
            webhook_allow_hosts=read.hosts("WEBHOOK_ALLOW_HOSTS"),
            metrics_token=read.optional_secret("METRICS_TOKEN"),
            ops_token=read.optional_secret("OPS_TOKEN"),
            events_keep=timedelta(
                days=read.number("EVENTS_KEEP_DAYS", default=EVENTS_KEEP_DAYS, least=1, most=3650)
            ),
            ended_keep=read.days_or_never("ENDED_KEEP_DAYS"),
            audit_keep=timedelta(
                days=read.number("AUDIT_KEEP_DAYS", default=AUDIT_KEPT.days, least=1, most=3650)
            ),
            limits=_limits(read),
            limits_state=read.limits_state("LIMITS_STATE"),
            limits_file=read.path("LIMITS_FILE"),
            header_max_bytes=round(read.number("HEADER_MAX_BYTES", default=4096, least=256, most=16_000)),
            header_max_fields=round(read.number("HEADER_MAX_FIELDS", default=64, least=16, most=100)),
            trusted_proxies=read.networks("TRUSTED_PROXIES"),
        )
        if read.problems:
            raise ConfigError(read.problems)
        return config


def _limits(read: _Reader) -> LimitSettings:
    return LimitSettings(
        key=read.whole("RATE_KEY_PER_MINUTE", default=30_000),
        link=read.whole("RATE_LINK_PER_MINUTE", default=3_000),
        link_action=read.whole("RATE_LINK_ACTION_PER_MINUTE", default=30),
        address=read.whole("RATE_ADDRESS_PER_MINUTE", default=1_200),
        wrong=read.whole("RATE_WRONG_PER_MINUTE", default=60),
    )


class _Reader:
    """Reads values and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def database(self, name: str) -> str:
        url = self._environ.get(name) or sqlite_url(self._environ.get("DATA_DIR"))
        try:
            check_database_url(url)
        except ConfigError as error:
            self.problems += error.problems
        return url

    def secrets(self, name: str) -> tuple[str, ...]:
        value = self._environ.get(name, "")
        self.problems += problems_of(name, value)
        return split_secrets(value)

    def optional_secret(self, name: str) -> str | None:
        return self.secrets(name)[0] if self._environ.get(name) else None

    def number(self, name: str, *, default: float, least: float, most: float = 10**9) -> float:
        text = self._environ.get(name)
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            self.problems.append(f"{name} must be a number from {least:g} to {most:g}, got {text!r}")
            return default
        return value

    def whole(self, name: str, *, default: int) -> int:
        return round(self.number(name, default=default, least=0, most=10**7))

    def days_or_never(self, name: str) -> timedelta | None:
        days = self.number(name, default=0, least=0, most=3650)
        return timedelta(days=days) if days else None

    def limits_state(self, name: str) -> LimitsKept:
        text = self._environ.get(name) or LimitsKept.FILE
        try:
            return LimitsKept(text)
        except ValueError:
            self.problems.append(f"{name} must be one of {', '.join(LimitsKept)}, got {text!r}")
            return LimitsKept.FILE

    def path(self, name: str) -> Path | None:
        given = self._environ.get(name)
        return Path(given) if given else None

    def networks(self, name: str) -> tuple[Network, ...]:
        networks, wrong = read_networks(self._environ.get(name, ""))
        for part in wrong:
            self.problems.append(
                f"{name} must be addresses or networks such as 10.0.0.0/8, with commas between, got {part!r}"
            )
        return tuple(networks)

    def choice(self, name: str, *, default: str, of: Sequence[str]) -> str:
        value = self._environ.get(name) or default
        if value not in of:
            self.problems.append(f"{name} must be one of {', '.join(of)}, got {value!r:.40}")
            return default
        return value

    def pauses(self, name: str, *, default: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        text = self._environ.get(name)
        if not text:
            return default
        try:
            seconds = [float(part) for part in text.split(",")]
        except ValueError:
            seconds = []
        if not 0 < len(seconds) <= _MOST_RETRIES or not all(0 < one <= _LONGEST_PAUSE for one in seconds):
            self.problems.append(
                f"{name} must be 1 to {_MOST_RETRIES} numbers of seconds, each more than 0 and at most "
                f"{_LONGEST_PAUSE}, with commas between, got {text!r:.80}"
            )
            return default
        return tuple(timedelta(seconds=one) for one in seconds)

    def url(self, name: str, *, default: str) -> str:
        value = self._environ.get(name) or default
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            self.problems.append(f"{name} must be an http or https address, such as https://link.example.com")
        return value.rstrip("/")

    def hosts(self, name: str) -> frozenset[str]:
        hosts = [part.strip().lower() for part in self._environ.get(name, "").split(",") if part.strip()]
        for host in hosts:
            _, separator, port = host.rpartition(":")
            if not separator or not port.isdecimal():
                self.problems.append(f"{name} must be {_HOST_AND_PORT}, got {host!r}")
        return frozenset(hosts)
