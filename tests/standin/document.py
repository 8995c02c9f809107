"""The index document and its headers. Everything the page obeys arrives here, as JSON in a data block."""

import json
from functools import lru_cache
from typing import Any

from tests.standin.assets import Assets
from tests.standin.options import Options

# The page's own policy: no inline script runs, and nothing comes from elsewhere.
CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self' ws: wss: data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
)
PAGE_OPTIONS = (
    "boot_ms",
    "reconnect_ms",
    "debug",
    "debug_late_ms",
    "refuse_headless",
    "qr_platform",
    "version",
    "renamed_module",
)

TEMPLATE = """<!doctype html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>WhatsApp</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/{style}">
<script type="application/json" id="page-config">{config}</script>
<script defer src="/assets/{boot}"></script>
</head>
<body>
<div id="app"><div id="startup"><progress></progress><p>Loading your chats</p></div></div>
<script type="application/json" id="page-data">{data}</script>
</body>
</html>
"""

UNSUPPORTED = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>WhatsApp</title></head>
<body><div id="unsupported"><h1>WhatsApp works with newer browsers</h1>
<p>Use the latest version of Chrome, Firefox, Edge, Opera or Safari.</p></div></body></html>
"""


def index(options: Options, assets: Assets) -> tuple[str, dict[str, str]]:
    config: dict[str, Any] = {name: getattr(options, name) for name in PAGE_OPTIONS}
    config["scripts"] = [f"/assets/{name}" for name in assets.scripts(options)]
    if options.broken_index:
        config["scripts"] = config["scripts"][:1]
    config["worker"] = f"/assets/{assets.worker.name}"
    text = TEMPLATE.format(
        style=assets.style.name,
        boot=assets.boot.name,
        config=_in_html(config),
        data=_data(options.index_bytes),
    )
    headers = {"Cache-Control": "no-store", "Accept-CH": "Sec-CH-UA-Full-Version-List"}
    if options.strict_csp:
        headers["Content-Security-Policy"] = CSP
    return text, headers


@lru_cache(maxsize=4)
def _data(size: int) -> str:
    """What makes the index long: server data the page parses, as the real one does."""
    row = {"name": "qe_universe_0000", "value": {"enabled": True, "bucket": 17, "params": ["a", "b", "c"]}}
    count = max(1, size // (len(_in_html(row)) + 2))
    return _in_html([{**row, "name": f"qe_universe_{place:04}"} for place in range(count)])


def _in_html(value: Any) -> str:
    return json.dumps(value).replace("<", "\\u003c")
