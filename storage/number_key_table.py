"""Which keys the registry's numbers are sealed with, and who may therefore work on it.

Rule: a process that lacks one of them does not start: it would read nothing, and find no number twice. A key
is written down before anything is sealed with it, and forgotten when nothing is any more.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from storage.clock import SystemClock, to_wire
from storage.database import Database
from storage.errors import ConfigError
from storage.number_keys import NumberKeys

if TYPE_CHECKING:
    from storage.sealed_number import Numbers

log = logging.getLogger(__name__)


def known_keys(database: Database) -> list[str]:
    """Ids, the oldest first."""
    return [row["key_id"] for row in database.all("number_keys")]


def admit(database: Database, keys: NumberKeys) -> None:
    """Before a process uses the registry, whose tables are there. Raises ConfigError, RegistryError."""
    known = known_keys(database)
    if not keys:
        if known:
            raise ConfigError(
                [
                    "NUMBERS_KEY is missing, and numbers of the registry are sealed with key "
                    f"{' and '.join(known)}; set NUMBERS_KEY to that one"
                ]
            )
        return
    from storage.sealed_number import Numbers  # who has no key need not load what encrypts

    numbers = Numbers(keys)
    _refuse_strangers(numbers, known)
    if numbers.key_id is None or numbers.key_id in known:
        return
    with database.transaction():
        database.hold("linkpool number keys")
        _refuse_strangers(numbers, known_keys(database))  # of two first keys the second is wrong
        database.run("insert_number_key", key_id=numbers.key_id, since=to_wire(SystemClock().now()))
    log.info("number_key_taken", extra={"key_id": numbers.key_id})


def forget_other_keys(database: Database, key_id: str | None) -> None:
    """Nothing is sealed with another one any more; inside a transaction."""
    database.run("delete_other_number_keys", key_id=key_id)


def _refuse_strangers(numbers: Numbers, known: list[str]) -> None:
    strangers = [key_id for key_id in known if key_id not in numbers.key_ids]
    if not strangers:
        return
    ours = f"NUMBERS_KEY is key {numbers.key_id}" if numbers.key_id else "NUMBERS_KEY_OLD holds other keys"
    raise ConfigError(
        [
            f"{ours}, but numbers of the registry are sealed with key {' and '.join(strangers)}; set "
            "NUMBERS_KEY to that one, or put it into NUMBERS_KEY_OLD while they are sealed anew "
            "(docs/rotation.md)"
        ]
    )
