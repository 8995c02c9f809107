"""Files the page is made of, under names that carry their hash, so that browsers may keep them for ever."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.standin import weight
from tests.standin.options import Options

PAGE = Path(__file__).parent / "page"
# The page's own scripts in the order they register. Weight files go between the first and the second stage.
STAGES = (
    ("loader.js",),
    ("events.js", "wid.js", "collections.js", "storage.js", "identity.js"),
    ("account.js", "linking.js", "libraries.js"),
    ("qr.js", "view.js", "connection.js", "app.js"),
)
TYPES = {".js": "text/javascript", ".css": "text/css"}


@dataclass(frozen=True)
class Asset:
    name: str
    body: bytes
    content_type: str


class Assets:
    def __init__(self) -> None:
        self._by_name: dict[str, Asset] = {}
        self.boot = self._add("boot.js", (PAGE / "boot.js").read_bytes())
        self.worker = self._add("worker.js", (PAGE / "worker.js").read_bytes())
        self.style = self._add("style.css", (PAGE / "style.css").read_bytes())
        self._stages = [
            self._add(f"stage{place}.js", b"".join((PAGE / name).read_bytes() for name in names))
            for place, names in enumerate(STAGES)
        ]

    def get(self, name: str) -> Asset | None:
        return self._by_name.get(name)

    def scripts(self, options: Options) -> list[str]:
        """Names of all scripts in loading order; generates the weight when it is asked for the first time."""
        return [asset.name for asset in (self._stages[0], *self._weight(options), *self._stages[1:])]

    def _weight(self, options: Options) -> list[Asset]:
        files = weight.scripts(options.modules, options.script_bytes, options.heap_bytes)
        return [self._add(f"bundle{place}.js", body) for place, body in enumerate(files)]

    def _add(self, name: str, body: bytes) -> Asset:
        stem, suffix = name.rsplit(".", 1)
        asset = Asset(f"{stem}.{_digest(body)}.{suffix}", body, TYPES[f".{suffix}"])
        return self._by_name.setdefault(asset.name, asset)


@lru_cache(maxsize=64)
def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:12]


def service_worker() -> bytes:
    return (PAGE / "sw.js").read_bytes()
