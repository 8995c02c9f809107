"""What a backend developer does first: make a workspace, then ask for a session and its link."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.env_files import write_private
from deploy.http import call
from deploy.keeper import python
from deploy.settings import ROOT
from storage.errors import LinkpoolError


class BackendFailed(LinkpoolError):
    """The functions or the command line did not do what a backend asked for."""


@dataclass(frozen=True, kw_only=True)
class WorkspaceKeys:
    """What `workspaces create` prints, once."""

    workspace_id: str
    api_key: str
    webhook_secret: str


async def create_workspace(name: str, environ: Mapping[str, str], *options: str) -> WorkspaceKeys:
    """Through the operator's command line. Raises BackendFailed with what it said."""
    command = python("-m", "storage.cli", "workspaces", "create", name, *options, "--json")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=dict(environ), stdout=PIPE, stderr=PIPE
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise BackendFailed(f"no workspace was made: {errors.decode(errors='replace').strip()}")
    return _keys(json.loads(output))


async def kept_workspace(path: Path, name: str, environ: Mapping[str, str]) -> WorkspaceKeys:
    """The workspace of earlier runs, or a new one whose keys are kept where only the owner reads them."""
    kept = await asyncio.to_thread(_read, path)
    if kept is not None:
        return kept
    keys = await create_workspace(name, environ)
    await asyncio.to_thread(write_private, path, json.dumps(asdict(keys), indent=2) + "\n")
    return keys


async def create_session(functions_url: str, api_key: str, **wanted: object) -> dict[str, Any]:
    """The session as the API gives it, with its `link_url`. Raises BackendFailed."""
    answer = await call("POST", f"{functions_url}/api/sessions", token=api_key, json=wanted)
    if not answer.ok or not isinstance(answer.body, dict):
        raise BackendFailed(f"no session was made: the functions say {answer}")
    return answer.body


def _read(path: Path) -> WorkspaceKeys | None:
    return _keys(json.loads(path.read_text())) if path.exists() else None


def _keys(said: Mapping[str, Any]) -> WorkspaceKeys:
    return WorkspaceKeys(
        workspace_id=said["workspace_id"], api_key=said["api_key"], webhook_secret=said["webhook_secret"]
    )
