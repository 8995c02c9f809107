"""Mutual TLS between functions and nodes that have no private network between them.

Rule: TLS_CERT, TLS_KEY and TLS_CA come together, and whoever has them asks the other side for a certificate
of the same authority. They add to the signatures and replace none.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_NAMES = ("TLS_CERT", "TLS_KEY", "TLS_CA")


@dataclass(frozen=True, kw_only=True)
class PrivateTls:
    """Files of this process in the private network."""

    cert: Path
    """Certificate, and what stands between it and the authority; for server and client alike."""
    key: Path
    """Its private key, without a password."""
    ca: Path
    """The one authority that the other side's certificate has to come from."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str], problems: list[str]) -> PrivateTls | None:
        """None when none of the three is set. What is wrong is added to `problems`."""
        given = {name: environ.get(name) for name in _NAMES}
        if not any(given.values()):
            return None
        missing = [name for name, value in given.items() if not value]
        if missing:
            problems.append(f"{' and '.join(missing)} missing; set {', '.join(_NAMES)}, or none of them")
            return None
        cert, key, ca = (Path(value or "") for value in given.values())
        tls = cls(cert=cert, key=key, ca=ca)
        try:
            tls.server_context()
        except (OSError, ValueError) as error:  # SSLError is an OSError
            reason = error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
            problems.append(
                f"TLS_CERT={cert}, TLS_KEY={key}, TLS_CA={ca} cannot be used: {reason}; all three are "
                "PEM files, and the key has no password"
            )
            return None
        return tls

    def server_context(self) -> ssl.SSLContext:
        """Serves with our certificate, and only to holders of one by the same authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.cert, self.key, password=_no_password)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self) -> ssl.SSLContext:
        """Shows our certificate. Believes the public authorities as well, for functions behind such a one."""
        context = ssl.create_default_context()
        context.load_verify_locations(self.ca)
        context.load_cert_chain(self.cert, self.key, password=_no_password)
        return context


def _no_password() -> str:
    raise ValueError("the key has a password")
