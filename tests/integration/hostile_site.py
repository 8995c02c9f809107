"""A site that answers in WhatsApp Web's place and does to its browser whatever a page can do."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

FLOOD_BINDING = """
  // the binding is taken from a frame of its own, should the page's be out of reach
  const report = window.linkpoolReport ?? frames[0]?.linkpoolReport;
  const text = JSON.stringify({kind: 'state', state: 'PAIRING'});
  setInterval(() => { for (let i = 0; i < 20000; i++) report(text); }, 0);
"""
HUGE_BINDING = """
  const report = window.linkpoolReport;
  const huge = 'x'.repeat(8 * 1024 * 1024);
  setInterval(() => { for (let i = 0; i < 8; i++) report(huge); }, 0);
"""
ONE_MESSAGE_TOO_BIG = "window.linkpoolReport('x'.repeat(64 * 1024 * 1024));"
MALFORMED = r"""
  const report = window.linkpoolReport;
  const odd = ['', '{', 'null', '[]', '0', '\u0000', '\ud800', '{"kind":1}', '{"kind":"me","number":[]}',
    '{"kind":"ref","text":{}}', '['.repeat(20000), '{"kind":"loaded","lookups":{"a":1}}',
    '{"kind":"progress","percent":1e999}', '{"kind":"progress","percent":NaN}', 'x'.repeat(100000)];
  for (let i = 0; i < 100; i++) for (const text of odd) { try { report(text); } catch {} }
  try { report(); } catch {}
  try { report({}); } catch {}
  try { report(1, 2); } catch {}
"""
FLOOD_STORAGE = "setInterval(() => { for (let i = 0; i < 5000; i++) localStorage.setItem('k', i); }, 0);"
FLOOD_CONSOLE = "setInterval(() => { for (let i = 0; i < 20000; i++) console.log('x', i); }, 0);"
FLOOD_ERRORS = "setInterval(() => { for (let i = 0; i < 5000; i++) queueMicrotask(() => { throw i; }); }, 0);"
HANG = "addEventListener('load', () => { for (;;); });"
LEAVE = "setTimeout(() => { location = 'https://example.com/stolen'; }, 100);"
LEAVE_TO_NOTHING = "setTimeout(() => { location = 'about:blank'; }, 100);"
LEAVE_TO_NEIGHBOUR = "setTimeout(() => { location.port = '1'; }, 100);"
NOTHING = ""


class HostileSite:
    """`program` runs in the page at /; every path is counted in `asked`, with the host it was asked of."""

    def __init__(self, program: str = NOTHING) -> None:
        self.program = program
        self.asked: list[tuple[str, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.headers.get("Host", ""), self.path))
                self.send_response(200)
                if self.path.startswith("/download"):
                    self.send_header("Content-Type", "application/octet-stream")
                    self.send_header("Content-Disposition", "attachment; filename=gift.bin")
                    body = b"gift" * 1000
                else:
                    self.send_header("Content-Type", "text/html")
                    page = (
                        f"<!doctype html><title>hello</title><iframe></iframe><script>{site.program}</script>"
                    )
                    body = page.encode(errors="surrogatepass")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        # by name, so that the address itself is a host that the page may not ask
        self.url = f"http://localhost:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
