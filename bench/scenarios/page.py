"""What the end user waits for: the QR after the page was opened, the number after the scan."""

from __future__ import annotations

import time

from bench.bench import Bench
from bench.hosted_page import EndUser, end_user
from bench.ours import Ours
from bench.results import Side

LONGEST_POLL_SECONDS = 0.7
"""How seldom the page asks while it shows a QR. Scans are spread over it, as people are."""


def run(bench: Bench) -> None:
    """Rows qr_painted, number, number_painted, number_webhook; one session after the other.

    qr_painted: link_url of a session that has a live QR, opened in a running Chromium with empty caches; from
    the start of the navigation until the QR's SVG has been visible for two frames.
    number: until GET /api/sessions/{id}, asked every 5 ms, shows the phone number.
    number_painted: until the hosted page has shown it for two frames, by the clock of the page.
    number_webhook: until the backend has received the whole of the first webhook that names the number.
    The last three from when WhatsApp's page has the number: `link_ms` after the scan was sent to the
    stand-in, when its server tells the page. What the page does first, and the way of the scan, count against
    us.
    One session is linked beforehand and not counted: processes and browser have just started, which is what
    one end user meets after a deploy.
    """
    with bench.step("page"), bench.ours() as system, end_user(bench.chromium) as user:
        singles = bench.plan.singles
        _one(bench, system, user, 0.0, keep=False)
        for place in range(singles):
            _one(bench, system, user, LONGEST_POLL_SECONDS * place / singles, keep=True)


def _one(bench: Bench, system: Ours, user: EndUser, scan_after: float, *, keep: bool) -> None:
    session = system.create()
    ((_, shown),) = system.reach([session["id"]], lambda session: session["qr"] is not None).values()
    time.sleep(0.5)  # the browser that has just started comes to rest: a warm one has
    with user.opens(session["link_url"]) as page:
        opened, painted = page.opened_at(), page.painted_at("qr")
        time.sleep(1.0 + scan_after)
        exists = time.time() + bench.link_seconds
        bench.standin.scan(shown["qr"]["text"], bench.numbers(1)[0])
        ((known, _),) = system.reach(
            [session["id"]], lambda session: session["phone_number"] is not None
        ).values()
        number_painted = page.painted_at("number")
        told = system.told(session["id"], lambda data: data.get("phone_number") is not None)
    if keep:
        bench.results.add(Side.OURS, "qr_painted", 1, painted - opened)
        bench.results.add(Side.OURS, "number", 1, known - exists)
        bench.results.add(Side.OURS, "number_painted", 1, number_painted - exists)
        bench.results.add(Side.OURS, "number_webhook", 1, told - exists)
    system.delete(session["id"])
