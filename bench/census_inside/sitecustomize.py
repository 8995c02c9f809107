"""Tells whoever connects to a socket how many objects this process holds, by type. For soaks and tests.

Rule: Python reads this file by its name, in every process that has its directory on PYTHONPATH, before
anything else. So it knows the standard library only, and does nothing until it is asked.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import threading
from collections import Counter
from pathlib import Path


def _listen() -> None:
    """A thread of its own, also in what this process forks."""
    path = Path(os.environ["CENSUS_DIR"]) / f"{os.getpid()}.sock"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.bind(str(path))
    listener.listen()
    threading.Thread(target=_answer, args=(listener,), name="census", daemon=True).start()


def _answer(listener: socket.socket) -> None:
    while True:
        asker, _ = listener.accept()
        with asker:
            gc.collect()
            blocks = sys.getallocatedblocks()
            types = Counter(type(one) for one in gc.get_objects())
            named: Counter[str] = Counter()
            for kind, count in types.items():
                named[f"{kind.__module__}.{kind.__qualname__}"] += count
            said = {"blocks": blocks, "malloc": _malloc_in_use(), "types": named}
            asker.sendall(json.dumps(said).encode())


def _malloc_in_use() -> int:
    """Bytes that C code holds, without what lies free between them; 0 where the C library does not tell."""
    import ctypes  # only when asked

    class Mallinfo(ctypes.Structure):
        _fields_ = [
            (name, ctypes.c_size_t)
            for name in (
                "arena", "ordblks", "smblks", "hblks", "hblkhd",
                "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
            )
        ]  # fmt: skip

    tell = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if tell is None:
        return 0
    tell.restype = Mallinfo
    found = tell()
    return int(found.uordblks + found.hblkhd)


if "CENSUS_DIR" in os.environ:
    _listen()
    os.register_at_fork(after_in_child=_listen)
