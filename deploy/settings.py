"""Where the processes of one machine find each other. What they do is told by the rest of the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from storage.errors import ConfigError

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Ports, addresses and the data directory, and the environment to pass on."""

    functions_port: int
    """FUNCTIONS_PORT: where gunicorn listens."""
    pool_port: int
    """POOL_PORT: where the pool's control API listens."""
    public_url: str
    """PUBLIC_URL: how people reach the functions."""
    data_dir: Path
    """DATA_DIR: registry, profiles, secrets."""
    environ: Mapping[str, str]
    """What was given to us."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Raises ConfigError with every problem."""
        problems: list[str] = []
        functions_port = _port(environ, "FUNCTIONS_PORT", 8000, problems)
        pool_port = _port(environ, "POOL_PORT", 8100, problems)
        if problems:
            raise ConfigError(problems)
        return cls(
            functions_port=functions_port,
            pool_port=pool_port,
            public_url=environ.get("PUBLIC_URL") or f"http://127.0.0.1:{functions_port}",
            data_dir=(ROOT / (environ.get("DATA_DIR") or "data")).resolve(),
            environ=environ,
        )

    def with_environ(self, **changes: str) -> Settings:
        """The same, telling the children more."""
        return replace(self, environ={**self.environ, **changes})

    @property
    def functions_url(self) -> str:
        """The functions as seen from this machine."""
        return f"http://127.0.0.1:{self.functions_port}"

    @property
    def pool_url(self) -> str:
        """The pool as seen from this machine."""
        return f"http://127.0.0.1:{self.pool_port}"

    def child_environ(self) -> dict[str, str]:
        """The environment of every process that we start."""
        beside_python = str(Path(sys.executable).parent)
        return {
            "FUNCTIONS_URL": self.functions_url,
            "POOL_URL": self.pool_url,
            **self.environ,
            "FUNCTIONS_PORT": str(self.functions_port),
            "POOL_PORT": str(self.pool_port),
            "PUBLIC_URL": self.public_url,
            "DATA_DIR": str(self.data_dir),
            "PATH": os.pathsep.join([beside_python, self.environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
        }


def _port(environ: Mapping[str, str], name: str, default: int, problems: list[str]) -> int:
    text = environ.get(name) or str(default)
    if text.isdecimal() and 0 < int(text) < 65536:
        return int(text)
    problems.append(f"{name} must be a port from 1 to 65535, got {text!r}")
    return default
