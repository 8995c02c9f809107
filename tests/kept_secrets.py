"""What a walk was told and no log may hold, numbers, QRs, codes, tokens, keys; and whether one does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SHORTEST = 6
"""Characters; anything shorter stands in a log by chance."""
BEFORE = 160
"""Characters of a line that are shown of what stands before a secret; never the secret."""


class Kept:
    """Values, with a word for what each is."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def add(self, what: str, value: str | None) -> None:
        if value and len(value) >= SHORTEST:
            self.values[value] = what

    def number(self, phone_number: str) -> None:
        self.add("phone number", phone_number.removeprefix("+"))
        self.add("phone number without its country", phone_number[3:])

    def qr(self, text: str) -> None:
        self.add("QR", text)
        for part in text.split(","):
            self.add("part of a QR", part)

    def code(self, code: str) -> None:
        self.add("pairing code", code)
        self.add("pairing code", code.replace("-", ""))

    def environment(self, environ: Mapping[str, str]) -> None:
        """The secrets that processes are started with."""
        for name in (
            "POOL_SECRET",
            "SECRET_KEY",
            "SNAPSHOT_KEY",
            "SNAPSHOT_KEY_OLD",
            "NUMBERS_KEY",
            "METRICS_TOKEN",
        ):
            for one in environ.get(name, "").split(","):
                self.add(name, one.strip())

    def answer(self, said: Any) -> None:
        """Whatever an answer of the API tells of sessions, wherever it stands in it."""
        if isinstance(said, list):
            for one in said:
                self.answer(one)
        if not isinstance(said, dict):
            return
        for name, value in said.items():
            match name, value:
                case "link_url", str():
                    self.add("token of a page", value.rpartition("/")[2])
                case "phone_number", str():
                    self.number(value)
                case "qr", {"text": str(text)}:
                    self.qr(text)
                case "code", str() if "expires_at" in said:
                    self.code(value)
                case (("api_key" | "webhook_secret" | "secret"), str()):
                    self.add(name, value.removeprefix("whsec_"))
                case _:
                    self.answer(value)

    def told(self, texts: Mapping[str, str]) -> list[str]:
        """Where a value stands in these logs, one line each; empty is what everybody wants."""
        return [
            f"{name}: {what} {value[:4]}… after {before!r}"
            for name, text in texts.items()
            for value, what in self.values.items()
            for before in _places(text, value)
        ]


def _places(text: str, value: str) -> Iterator[str]:
    at = text.find(value)
    while at >= 0:
        yield text[max(text.rfind("\n", 0, at) + 1, at - BEFORE) : at]
        at = text.find(value, at + len(value))


def logs_below(directory: Path) -> dict[str, str]:
    """Every file of a process or a browser that somebody could read as a log."""
    files = list(directory.glob("*.log"))
    # LevelDB keeps the page's data in files that end in .log, and what it does in one named LOG
    for name in ("browser.log", "why.json", "LOG"):
        files += directory.rglob(name)
    return {str(file.relative_to(directory)): file.read_bytes().decode(errors="replace") for file in files}
