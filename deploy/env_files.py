"""Files of KEY=VALUE lines: .env, written by people, and secrets.env, written by us.

Rule: the environment wins over a file, and a secret is never readable by others.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

SECRETS_FILE = "secrets.env"
SECRET_NAMES = ("POOL_SECRET", "SECRET_KEY", "SNAPSHOT_KEY")


def read_env_file(path: Path) -> dict[str, str]:
    """What a file says; nothing without one. `export`, quotes and comments are understood, $ is not."""
    if not path.is_file():
        return {}
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and not name.startswith("#"):
            values[name.strip()] = _unquoted(value.strip())
    return values


def with_env_file(environ: Mapping[str, str], path: Path) -> dict[str, str]:
    """The environment, on top of a file. An empty value counts as none, as in `NAME=` left to be filled."""
    told = {name: value for name, value in environ.items() if value}
    return read_env_file(path) | told


def with_own_secrets(environ: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """The environment, with a random secret for each that it lacks; made once, kept in `data_dir`."""
    path = data_dir / SECRETS_FILE
    kept = read_env_file(path)
    made = {name: _new_secret(name) for name in SECRET_NAMES if not environ.get(name) and name not in kept}
    if made:
        kept |= made
        write_private(path, "".join(f"{name}={value}\n" for name, value in kept.items()))
    return {**environ, **{name: kept[name] for name in SECRET_NAMES if not environ.get(name)}}


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that its owner alone may read; half a file is never seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def missing_secrets(environ: Mapping[str, str]) -> list[str]:
    """Names of the secrets that nobody gave."""
    return [name for name in SECRET_NAMES if not environ.get(name)]


def _new_secret(name: str) -> str:
    if name == "SNAPSHOT_KEY":
        return base64.b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(32)


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value.partition(" #")[0].rstrip()
