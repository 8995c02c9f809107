"""Faults of WhatsApp's: a release that moves things, and a site that shows no QR."""

from __future__ import annotations

from contextlib import ExitStack

from bench.alerts.world import WITHIN, Fault, Stage, World


def _number_is_elsewhere(world: World, stack: ExitStack) -> None:
    stack.callback(world.system.standin.options, late_number=None)
    world.system.standin.options(late_number="never")
    stack.callback(world.delete, world.link())


def _page_is_opened(world: World, stack: ExitStack) -> None:
    session_id = world.system.create()["id"]
    stack.callback(world.delete, session_id)
    world.system.until(session_id, lambda one: one["qr"] is not None, WITHIN)


def _no_qr(world: World, stack: ExitStack) -> None:
    stack.callback(world.system.standin.options, never_qr=False)
    world.system.standin.options(never_qr=True)
    stack.callback(world.delete, world.system.create()["id"])


SITE = Stage(
    name="site",
    settings={"FIRST_QR_TIMEOUT_SECONDS": "10"},
    faults=(
        Fault(
            alerts=("LinkpoolPageLookupFellBack",),
            what="the page named the number only in its older place, and a session linked",
            cause=_number_is_elsewhere,
        ),
        Fault(
            alerts=("LinkpoolSuccessLow", "LinkpoolSuccessLowCritical"),
            what="the site showed no QR, and a session was created",
            cause=_no_qr,
            within=240,
        ),
    ),
)

RELEASE = Stage(
    name="release",  # a good look of the canary would hold CanaryDead back for 20 minutes
    settings={"CANARY_EVERY_SECONDS": "2"},
    options={"renamed_module": "WAWebAltDeviceLinkingApi"},
    faults=(
        Fault(
            alerts=("LinkpoolPageLookupMissing", "LinkpoolCanaryDead"),
            what="a release had renamed the module of pairing codes, and a session was created",
            cause=_page_is_opened,
            of_the_start=True,
            within=240,
        ),
    ),
)
