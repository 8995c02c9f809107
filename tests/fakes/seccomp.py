"""Runs a command under a profile of deploy/seccomp, as a container's engine would, through libseccomp.

`python -m tests.fakes.seccomp PROFILE COMMAND…`: it becomes the command.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import json
import os
import sys
from pathlib import Path

ALLOW = 0x7FFF0000
ERRNO = 0x00050000
UNKNOWN = -1


def library() -> ctypes.CDLL | None:
    """libseccomp, where it is installed."""
    try:
        found = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        return None
    found.seccomp_init.restype = ctypes.c_void_p
    found.seccomp_load.argtypes = [ctypes.c_void_p]
    found.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
    return found


def enter(profile: Path) -> None:
    """From here on only what the profile allows."""
    seccomp = library()
    assert seccomp is not None
    rules = json.loads(profile.read_text())
    assert rules["defaultAction"] == "SCMP_ACT_ERRNO"
    context = seccomp.seccomp_init(ERRNO | rules["defaultErrnoRet"])
    for rule in rules["syscalls"]:
        assert rule["action"] == "SCMP_ACT_ALLOW"
        for name in rule["names"]:
            number = seccomp.seccomp_syscall_resolve_name(name.encode())
            if number == UNKNOWN:
                continue  # newer than this library; it stays forbidden here
            done = seccomp.seccomp_rule_add(context, ALLOW, number, 0)
            assert done in (0, -errno.EDOM, -errno.EINVAL), name
    assert seccomp.seccomp_load(context) == 0


if __name__ == "__main__":
    enter(Path(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the point of it
