"""What an operator does to logins in the store, written down where the machine can: the registry, or a file.

Rule: a login that was taken out cannot be put back, so its line is written before the deed, and corrected if
that fails. A node has no registry, and the store is needed most when the registry is gone: then the line
stands in DATA_DIR/audit.jsonl, in the words of `audit export`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from storage.audit import AuditEntry, AuditLog, AuditOutcome
from storage.cli_audit import operators_entry
from storage.cli_registry import registry_exists, registry_url
from storage.cli_vault import data_dir
from storage.clock import SystemClock
from storage.database import open_database

log = logging.getLogger(__name__)

FILE = "audit.jsonl"


@contextmanager
def written_down(action: str, workspace_id: str | None, **subjects: str) -> Iterator[None]:
    """Around the deed."""
    entry = operators_entry(action, workspace_id, subjects)
    if not _in_registry(lambda audit: audit.write(entry)):
        _append(data_dir() / FILE, entry)
    try:
        yield
    except BaseException as error:
        failed = replace(entry, outcome=AuditOutcome.FAILED, code=type(error).__name__)
        if not _in_registry(lambda audit: audit.correct(entry.id, failed.outcome, failed.code)):
            _append(data_dir() / FILE, failed)
        raise


def _in_registry(do: Callable[[AuditLog], None]) -> bool:
    """Whether there is one that answers and is up to date. Nothing is made or brought up to date here."""
    try:
        if not registry_exists():
            return False
        database = open_database(registry_url())
        try:
            if database.missing_migrations():
                return False
            do(AuditLog(database, SystemClock()))
        finally:
            database.close()
    except Exception:  # whatever is wrong with the registry: this is how it is brought back
        log.debug("audit_not_in_registry", exc_info=True)
        return False
    return True


def _append(path: Path, entry: AuditEntry) -> None:
    line = json.dumps(entry.to_wire(), separators=(",", ":")) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        click.echo(f"Not written to an audit log: no registry, and {path}: {error.strerror}", err=True)
        return
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
