"""The hosted page on a port of this machine, over a real registry, for browsers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import make_server

from storage.clock import Clock
from tests.integration.page_site import PageSite, services_in


@contextmanager
def served(directory: Path, clock: Clock) -> Iterator[PageSite]:
    services = services_in(directory, clock)
    site = PageSite(services, clock)
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    site.origin = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        services.close()
