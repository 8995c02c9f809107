"""Log lines: an event name and fields. One JSON object a line, plain text on a terminal.

Rule: ids, counts and durations may be logged; phone numbers only through `mask_phone`; refs, codes,
tokens, keys and page content never.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from storage.clock import to_wire

log = logging.getLogger(__name__)

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
OUR_LOGGERS = ("browser_pool", "deploy", "functions", "storage", "__main__")
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""On whose behalf this thread or task works: every line of it says so. A task that is begun for a request
keeps its id, so the lines of a session's run name the request that started it."""
REQUEST_ID_HEADER = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_BUILT_IN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def mask_phone(phone_number: str | None) -> str | None:
    """+628123456789 becomes +62*******89: enough to recognise, too little to call."""
    if phone_number is None:
        return None
    if len(phone_number) < 8:
        return "*" * len(phone_number)
    return phone_number[:3] + "*" * (len(phone_number) - 5) + phone_number[-2:]


def harmless_request_id(given: str | None) -> str | None:
    """Somebody else's id, when it may stand in a log and in a header."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in vars(record).items() if name not in _BUILT_IN}
    request_id = REQUEST_ID.get()
    return fields if request_id is None else {"request_id": request_id, **fields}


class JsonFormatter(logging.Formatter):
    """For machines: every line is one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": to_wire(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """For people: time, level, event, then name=value."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{time} {record.levelname.lower():<7} {record.getMessage()} {fields}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(stream: TextIO | None = None, level: str | None = None) -> None:
    """Send every log line of this process to `stream` (stderr). Called once, in a composition root.

    `level` is LOG_LEVEL, info when there is none. Debug is ours alone: what libraries say there holds
    addresses, headers and bodies.
    """
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(TextFormatter() if target.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    ours = LEVELS.get((level or "info").lower(), logging.INFO)
    root.setLevel(max(ours, logging.INFO))
    for name in OUR_LOGGERS:
        logging.getLogger(name).setLevel(ours)
    log.debug("debug_is_on")
