"""A call as a line that can be pasted into a shell, with every example of the document in it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_KEY = "$LINKPOOL_API_KEY"
_FILES = {"image/png": "qr.png", "image/svg+xml": "qr.svg"}


def curl(method: str, path: str, operation: Mapping[str, Any], server: str) -> str:
    """The line, or the few that it is broken into."""
    query, head = [], [] if method == "GET" else [f"-X {method}"]
    if operation["security"] == [{"apiKey": []}]:
        head.append(f'-H "Authorization: Bearer {_KEY}"')
    for parameter in operation.get("parameters", []):
        given = parameter.get("example")
        match parameter["in"]:
            case "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(str(given), safe=""))
            case "query" if given is not None and parameter["name"] in {"limit", "status"}:
                value = ",".join(given) if isinstance(given, list) else str(given)
                query.append(f"{parameter['name']}={quote(value, safe=',')}")
            case "header" if given is not None and method != "GET":
                head.append("-H " + shlex.quote(f"{parameter['name']}: {given}"))
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        given = content["application/json"]["example"]
        if given or operation["requestBody"]["required"]:
            head.append("-H 'Content-Type: application/json'")
            head.append(f"-d {shlex.quote(json.dumps(given, ensure_ascii=False))}")
    kept = [
        _FILES[media] for media in operation["responses"].get("200", {}).get("content", {}) if media in _FILES
    ]
    head += [f"-o {name}" for name in kept]
    url = shlex.quote(f"{server}{path}{'?' if query else ''}{'&'.join(query)}")
    return " \\\n  ".join([f"curl {url}", *head])
