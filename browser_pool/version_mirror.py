"""A pinned web version: from the local store, or fetched once from a mirror."""

from __future__ import annotations

import logging
from datetime import datetime

from aiohttp import ClientError, ClientSession, ClientTimeout

from browser_pool.index_document import MAX_BYTES, IndexDocument, looks_like_html
from browser_pool.version_store import VersionStore
from storage.errors import ConfigError

log = logging.getLogger(__name__)

TIMEOUT = ClientTimeout(total=10)
PLACE = "{version}"
HEADERS = {"content-type": "text/html; charset=utf-8"}
"""A mirror's own headers, its content security policy above all, are not the site's."""


async def pinned_document(
    http: ClientSession, store: VersionStore, version: str, template: str | None, now: datetime
) -> IndexDocument:
    """The document of this version. A stored one is as good as the mirror's, and there when that is down.

    Raises ConfigError.
    """
    document = store.load(version)
    if document is not None:
        return document
    if template is None:
        raise ConfigError(
            [f"WEB_VERSION={version} is not in DATA_DIR/web_versions; set WEB_VERSION_URL to fetch it"]
        )
    url = template.replace(PLACE, version)
    document = IndexDocument(name=version, body=await _fetch(http, url), headers=HEADERS)
    store.save(document, now=now, good=False)
    log.info("web_version_fetched", extra={"web_version": version, "bytes": len(document.body)})
    return document


async def _fetch(http: ClientSession, url: str) -> bytes:
    try:
        async with http.get(url, timeout=TIMEOUT, max_redirects=3) as answer:
            if answer.status != 200:
                raise ConfigError([f"WEB_VERSION_URL: {url} answered {answer.status}"])
            body = bytearray()
            async for piece in answer.content.iter_chunked(64 * 1024):
                body += piece
                if len(body) > MAX_BYTES:
                    raise ConfigError([f"WEB_VERSION_URL: {url} is larger than {MAX_BYTES} bytes"])
    except (ClientError, TimeoutError, OSError) as error:
        raise ConfigError([f"WEB_VERSION_URL: {url} cannot be fetched: {type(error).__name__}"]) from error
    if not looks_like_html(bytes(body)):
        raise ConfigError([f"WEB_VERSION_URL: {url} is no HTML page with a script"])
    return bytes(body)
