"""A signed call of the control API without more than the standard library, for the command line.

Rule: signed like the functions' calls, so that no secret goes over the wire; no proxy stands in between.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from storage.clock import Clock
from storage.errors import ConfigError, LinkpoolError
from storage.node_signing import Direction, sign
from storage.private_tls import PrivateTls
from storage.secret_rules import problems_of, split_secrets

WITHIN_SECONDS = 20.0


class NodeSilent(LinkpoolError):
    """The node does not answer, or not in a way that can be used."""


def ask_node(
    environ: Mapping[str, str], clock: Clock, node_url: str, path: str
) -> tuple[int, dict[str, Any]]:
    """Status and JSON of one GET. Raises ConfigError, NodeSilent."""
    problems = problems_of("POOL_SECRET", environ.get("POOL_SECRET", ""))
    tls = PrivateTls.from_env(environ, problems)
    if problems:
        raise ConfigError(problems)
    base, secret = node_url.rstrip("/"), split_secrets(environ["POOL_SECRET"])[0]
    headers = sign(secret, base, "GET", path, b"", clock.now(), Direction.CALL)
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if tls is not None:
        handlers.append(urllib.request.HTTPSHandler(context=tls.client_context()))
    asked = urllib.request.Request(base + path, headers=headers)  # noqa: S310 - the registry's own http(s) URL
    try:
        with urllib.request.build_opener(*handlers).open(asked, timeout=WITHIN_SECONDS) as answer:
            return answer.status, _json(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _json(error.read())
    except OSError as error:
        raise NodeSilent(f"the node at {base} does not answer: {error}") from error


def _json(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except ValueError as error:
        raise NodeSilent("the node answered without JSON; is POOL_URL of that node right?") from error
    return said if isinstance(said, dict) else {}
