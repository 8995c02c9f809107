"""What an error of the file system means for a store: refused until somebody acts, or worth another try.

Rule: an absence is never decided here. Whoever opens a file knows which "not found" he means.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from storage.objects import StoreRefused, StoreUnavailable

_FREE_SPACE = "free space there, or point SNAPSHOT_URL to a larger disk"
_RIGHTS = "let this user read and write there, or correct SNAPSHOT_URL"
_SHAPE = "an object cannot be a folder of others; correct SNAPSHOT_URL if this is no store of ours"

_REFUSED = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: "raise this user's quota, or " + _FREE_SPACE,
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "mount it writable, or correct SNAPSHOT_URL",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOTDIR: _SHAPE,
    errno.EISDIR: _SHAPE,
    errno.ENAMETOOLONG: "point SNAPSHOT_URL to a shorter path",
}


@contextmanager
def os_errors(operation: str, key: str, url: str) -> Iterator[None]:
    """Turn every OSError into StoreRefused or StoreUnavailable."""
    try:
        yield
    except OSError as error:
        why = f"{error.strerror or error} in {url}"
        hint = _REFUSED.get(error.errno or 0)
        if hint is not None:
            raise StoreRefused(operation, key, why, hint) from error
        raise StoreUnavailable(operation, key, why, "try again when the disk answers") from error
