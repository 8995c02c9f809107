"""A snapshot store on disk with sessions in it, and the operator's command line beside it."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from storage.clock import SystemClock
from storage.ids import new_id
from storage.key_wrap import LocalKeyWrap
from storage.object_url import open_store
from storage.snapshot_record import Snapshot
from storage.vault import Vault
from tests.fakes.processes import ROOT
from tests.fakes.vaults import WORKSPACE_ID, about, stage

SECRET = sha256(b"the key of a shop").digest()
KEY = base64.b64encode(SECRET).decode()
LOGIN: Mapping[str, bytes] = {
    "local_storage.json": b'{"origin": "https://web.whatsapp.com", "items": {"a": "b"}, "clean": true}',
    "chromium/Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/000003.log": b"rows" * 500,
}


class SnapshotShop:
    """`DATA_DIR` with its snapshots; `run` is the command line as a process."""

    def __init__(self, directory: Path, data_dir: Path | None = None, **environ: str) -> None:
        self.directory = directory
        self.data_dir = data_dir or directory / "data"
        self.environ = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(self.data_dir),
            "SNAPSHOT_KEY": KEY,
            **({"CHROMIUM_PATH": os.environ["CHROMIUM_PATH"]} if "CHROMIUM_PATH" in os.environ else {}),
            **environ,
        }
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        url = self.environ.get("SNAPSHOT_URL") or f"file://{self.data_dir}/snapshots"
        self.vault = Vault.open(open_store(url), LocalKeyWrap(SECRET), SystemClock())

    def save(
        self,
        session_id: str | None = None,
        contents: Mapping[str, bytes] = LOGIN,
        *,
        workspace_id: str = WORKSPACE_ID,
        **known: Any,
    ) -> Snapshot:
        """One more snapshot, as a pool saves it."""
        now = SystemClock().now()
        staged = stage(self.directory / f"staged-{new_id(now)}", contents)
        try:
            return self.save_directory(session_id or new_id(now), staged, workspace_id=workspace_id, **known)
        finally:
            shutil.rmtree(staged)

    def save_directory(
        self, session_id: str, staged: Path, *, workspace_id: str = WORKSPACE_ID, **known: Any
    ) -> Snapshot:
        """The same for a directory that is there."""
        now = SystemClock().now()
        said = about(session_id=session_id, workspace_id=workspace_id, **{"captured_at": now, **known})
        saved = self.vault.session(session_id).save(staged, said)
        assert saved is not None
        return saved

    def packs(self, session_id: str) -> list[Path]:
        """The files that hold a session's pieces, oldest first."""
        root = self.data_dir / "snapshots" / "v1" / self.vault.session(session_id).name / "p"
        return sorted(root.iterdir(), key=lambda path: path.stat().st_mtime_ns)

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """`python -m storage.cli snapshots …`."""
        return self.cli("snapshots", *arguments, **environ)

    def cli(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "storage.cli", *arguments],
            cwd=ROOT,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """The answer of a command that succeeds."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
