"""How a slot's page came to be: from which index document, and which version it says it is."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.async_api import Response

from browser_pool.index_document import IndexDocument


@dataclass
class PageLoad:
    """Of the last navigation that we asked for."""

    document: IndexDocument | None = None
    """Served in the site's place; None for the live one."""
    answer: Response | None = None
    version: str = ""
    """As the page reported it; empty for versions that do not tell, and for pages that we attached to."""
    name: str | None = None
    """The version as it is stored; set when the page showed its QR."""

    def begin(self, document: IndexDocument | None) -> None:
        """A new load: nothing is known of it yet."""
        self.document, self.answer, self.version, self.name = document, None, "", None
