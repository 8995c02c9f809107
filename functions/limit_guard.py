"""Applies the rate limits to every request, before its key or token is looked up, and tells how they stand.

Rule: what was wrong is read off the answer: 401, or 404 for a link. So no route has to know of limits.
A caller who is refused is logged once a minute, by address, or by what his key begins with.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, g, request

from functions.auth import GUARDS, Guard, bearer_of
from functions.limits import Limits
from functions.problems import Problem
from functions.rate_policy import Decision, RatePolicy
from storage.api_keys import PREFIX_LENGTH

log = logging.getLogger(__name__)

_PROBES = frozenset({"health.livez", "health.readyz"})
"""Whoever runs the process asks these, and ends it when they are refused."""


def limit_requests(app: Flask, limits: Limits) -> None:
    """Limit every request of this app."""
    app.before_request(lambda: _before(limits))
    app.after_request(lambda response: _after(limits, response))


def _before(limits: Limits) -> None:
    """Raises Problem."""
    g.rates = []
    guard = GUARDS.get(request.endpoint or "")
    credential = _credential(guard)
    g.credential = None
    if request.endpoint in _PROBES or guard is Guard.NODE:
        return  # a signature is checked without looking anything up
    if credential is not None and limits.was_good(credential):
        g.credential = credential
        for policy in _policies(limits, guard):
            shown = None if guard is Guard.LINK else credential[: len("lp_") + PREFIX_LENGTH]
            _take(limits, policy, credential, shown)
        return
    client = limits.client(request.environ)
    if credential is not None:
        decision = limits.look(limits.wrong, client)
        if decision is not None and not decision.allowed:
            g.rates.append(decision)
            _say(limits, decision, client, client)
            raise too_often(decision, "too many keys or links from your address were wrong")
        return
    _take(limits, limits.address, client, client)


def _after(limits: Limits, response: Response) -> Response:
    guard = GUARDS.get(request.endpoint or "")
    credential, status = _credential(guard), response.status_code
    if status == 401 or (status == 404 and guard is Guard.LINK):
        if credential is not None:
            limits.found(credential, good=False)
        decision = limits.take(limits.wrong, limits.client(request.environ))
        g.rates = [decision] if decision is not None else []
    elif credential is not None and g.get("credential") is None and status not in {403, 429, 503}:
        limits.found(credential, good=True)
        g.rates = [
            decision
            for policy in _policies(limits, guard)
            if (decision := limits.take(policy, credential)) is not None
        ]
    rates: list[Decision] = g.get("rates", [])
    if rates:
        response.headers["RateLimit-Policy"] = ", ".join(rate.policy.to_field() for rate in rates)
        response.headers["RateLimit"] = ", ".join(rate.to_field() for rate in rates)
    return response


def _credential(guard: Guard | None) -> str | None:
    """The key or token of this request, as text to count by."""
    if guard is Guard.LINK:
        token: str | None = (request.view_args or {}).get("token")
        return token
    if guard in {Guard.PUBLIC, Guard.NODE, None}:
        return None
    return bearer_of(request.headers.get("Authorization", "")) or ""


def _policies(limits: Limits, guard: Guard | None) -> list[RatePolicy]:
    if guard is not Guard.LINK:
        return [limits.key]
    return [limits.link] if request.method in {"GET", "HEAD"} else [limits.link, limits.link_action]


def _take(limits: Limits, policy: RatePolicy, who: str, shown: str | None) -> None:
    decision = limits.take(policy, who)
    if decision is None:
        return
    g.rates.append(decision)
    if not decision.allowed:
        _say(limits, decision, who, shown)
        raise too_often(decision, _WHY[policy.name])


def _say(limits: Limits, decision: Decision, who: str, shown: str | None) -> None:
    if limits.is_news(decision.policy, who):
        log.warning("rate_limited", extra={"policy": decision.policy.name, "client": shown})


_WHY = {
    "key": "this API key was used too often",
    "link": "this page was asked for too often",
    "link-action": "this page asked for too many starts, QRs or codes",
    "address": "your address asked too often",
}


def too_often(decision: Decision, why: str) -> Problem:
    """The refusal of a request that came too soon."""
    policy = decision.policy
    return Problem(
        429,
        "rate_limited",
        f"{why}: {policy.quota} a minute ({policy.name}); try again in {decision.retry_after} s",
        headers={"Retry-After": str(decision.retry_after)},
    )
