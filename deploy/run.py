"""`make run`: linkpool on this machine against WhatsApp Web itself, with a first workspace and a link."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from deploy.backend import WorkspaceKeys, create_session, kept_workspace
from deploy.command import run
from deploy.env_files import with_env_file, with_own_secrets
from deploy.registry_mirror import RegistryMirror
from deploy.settings import ROOT, Settings
from deploy.stack import Stack
from deploy.up import bring_back_registry, stop_signal, unless
from storage.clock import SystemClock

WORKSPACE_FILE = "workspace.json"


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Raises ConfigError. Secrets that nobody gave are made."""
    settings = Settings.from_env(with_env_file(environ, ROOT / ".env"))
    RegistryMirror.from_settings(settings)
    return settings.with_environ(**with_own_secrets(settings.environ, settings.data_dir))


async def serve(settings: Settings) -> None:
    """Returns when asked to stop, with nothing left running."""
    stop = stop_signal()
    await bring_back_registry(settings, stop)
    if stop.is_set():
        return
    async with Stack(settings, SystemClock()) as stack:
        await unless(stop, asyncio.create_task(stack.meanwhile(_greet(stack, settings))))
        if not stop.is_set():
            await stack.meanwhile(stop.wait())


async def _greet(stack: Stack, settings: Settings) -> None:
    await stack.ready()
    kept = settings.data_dir / WORKSPACE_FILE
    keys = await kept_workspace(kept, "My workspace", settings.child_environ())
    session = await create_session(settings.functions_url, keys.api_key, reference="make run")
    print(_welcome(settings, keys, session["link_url"]), flush=True)


def _welcome(settings: Settings, keys: WorkspaceKeys, link_url: str) -> str:
    return f"""
linkpool is up: {settings.public_url}

Open this page and scan the code with WhatsApp:

    {link_url}

The next link, from your own software:

    curl -X POST {settings.public_url}/api/sessions \\
      -H 'Authorization: Bearer {keys.api_key}' -H 'Content-Type: application/json' -d '{{}}'

The key is kept in {settings.data_dir / WORKSPACE_FILE}. All calls: {settings.public_url}/docs. Ctrl-C stops.
"""


def main() -> int:
    return run(lambda: serve(settings_of(os.environ)))


if __name__ == "__main__":
    sys.exit(main())
