"""A control, no row: what it costs the peer that it must come over TLS, and we need not."""

from __future__ import annotations

import time

from playwright.sync_api import sync_playwright

from bench.bench import Bench
from bench.samples import median

LOADS = 5
QR_WITHIN_MS = 60_000


def run(bench: Bench) -> None:
    """The stand-in's page in one browser with empty caches, alternately over http and https, until its QR."""
    with bench.step("transport"), sync_playwright() as playwright:
        took: dict[str, list[float]] = {"http": [], "https": []}
        flags = ["--no-sandbox", *bench.trust]
        browser = playwright.chromium.launch(executable_path=bench.chromium, args=flags)
        try:
            for place in range(2 * (2 if bench.plan.quick else LOADS)):
                over = "https" if place % 2 else "http"
                url = "https://web.whatsapp.com/" if place % 2 else bench.standin.url
                with browser.new_context() as context:
                    page = context.new_page()
                    began = time.time()
                    page.goto(url, wait_until="commit")
                    page.wait_for_selector("[data-ref] canvas", timeout=QR_WITHIN_MS)
                    took[over].append(time.time() - began)
        finally:
            browser.close()
        for over, values in took.items():
            bench.results.add_beside(f"bare page to QR over {over}", *values)
        bench.results.remark(
            "The peer reaches the stand-in over TLS, we without. What that costs: the bare page shows its QR "
            f"after {median(took['https']):.2f} s with and {median(took['http']):.2f} s without (medians)."
        )
