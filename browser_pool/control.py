"""The control API: how the functions reach this node directly. Signed calls or bearer token, private network.

Only the fast path: everything that can be asked here also comes with a heartbeat answer.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from browser_pool.call_guard import CallGuard
from browser_pool.control_problems import problem, problem_of
from browser_pool.departures import Departures
from browser_pool.diagnosis import diagnoses, packed
from browser_pool.in_thread import in_thread
from browser_pool.memory_watch import MB, MemoryWatch
from browser_pool.outbox import Outbox
from browser_pool.pool import Pool
from browser_pool.session_runner import SessionRunner
from browser_pool.vitals import Vitals
from storage import logs
from storage.errors import BadMessage
from storage.ids import is_id
from storage.node_protocol import SessionSpec

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024
MOST_DIAGNOSES = 5
"""Of one session in one answer; they repeat each other."""
OPEN = frozenset({"/health", "/livez", "/readyz"})
"""Probes: counts and shares, nothing of any session."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ControlApi:
    """Handlers over the pool; `application` is what aiohttp serves."""

    def __init__(
        self,
        pool: Pool,
        departures: Departures,
        memory: MemoryWatch,
        outbox: Outbox,
        vitals: Vitals,
        *,
        guard: CallGuard,
        data_dir: Path,
    ) -> None:
        self._pool = pool
        self._departures = departures
        self._memory = memory
        self._outbox = outbox
        self._vitals = vitals
        self._calls = guard
        self._data_dir = data_dir

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_BODY_BYTES)
        app.add_routes(
            [
                web.get("/health", self.health),
                web.get("/livez", self.livez),
                web.get("/readyz", self.readyz),
                web.get("/metrics", self.metrics),
                web.get("/sessions", self.sessions),
                web.get("/sessions/{id}/diagnosis", self.diagnosis),
                web.put("/sessions/{id}", self.put),
                web.delete("/sessions/{id}", self.delete),
                web.post("/sessions/{id}/{action}", self.act),
                web.post("/drain", self.drain),
            ]
        )
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """No proof, no word, but for the probes; and every error is problem+json."""
        logs.REQUEST_ID.set(logs.harmless_request_id(request.headers.get(logs.REQUEST_ID_HEADER)))
        try:
            if request.path not in OPEN:
                body = await request.read()
                self._calls.check(request.headers, request.method, request.rel_url.raw_path, body)
            return await self._answer(request, handler)
        except Exception as error:
            expected = problem_of(error)
            if expected is not None:
                return expected
            log.exception("control_api_failed", extra={"path": request.path})
            return problem(500, "internal_error", "the node failed; its log has the traceback")

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """And say so, for what changes something: the line lies beside the caller's, by its request_id."""
        began = asyncio.get_running_loop().time()
        answer = await handler(request)
        if request.method != "GET":
            took = round((asyncio.get_running_loop().time() - began) * 1000, 1)
            route = request.match_info.route.resource
            extra = {
                "method": request.method,
                "route": None if route is None else route.canonical,
                "session_id": request.match_info.get("id"),
                "action": request.match_info.get("action"),
                "status": answer.status,
                "took_ms": took,
            }
            log.info("control_call", extra=extra)
        return answer

    async def health(self, _: web.Request) -> web.Response:
        """Open: says nothing of any session."""
        return web.json_response(self._vitals.health())

    async def livez(self, _: web.Request) -> web.Response:
        """The event loop turns. Nothing else is asked, so that a full node gets nobody killed."""
        return web.json_response({"status": "alive"})

    async def readyz(self, request: web.Request) -> web.Response:
        """A new link would get a QR from this node now. With ?full=ready a full node is ready, too: a rollout
        that waited for it to have room would wait for ever."""
        full_is_ready = request.query.get("full") == "ready"
        reason = self._vitals.unfit() if full_is_ready else self._vitals.unready()
        if reason is None:
            return web.json_response({"status": "ready", "pressure": self._vitals.pressure()})
        body = {"status": "not_ready", "reason": reason, "pressure": self._vitals.pressure()}
        return web.json_response(body, status=503)

    async def metrics(self, _: web.Request) -> web.Response:
        """For Prometheus."""
        text, content_type = self._vitals.metrics.exposition()
        return web.Response(body=text, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    async def sessions(self, _: web.Request) -> web.Response:
        """What runs here, with the browsers' pids."""
        return web.json_response(
            {"sessions": [self._describe(runner) for runner in self._pool.holdings.runners]}
        )

    async def diagnosis(self, request: web.Request) -> web.Response:
        """What was written down when this session failed: its newest ones as a .tar.gz, in base64."""
        session_id = request.match_info["id"]
        folders = diagnoses(self._data_dir, session_id)[-MOST_DIAGNOSES:] if is_id(session_id) else []
        if not folders:
            return problem(404, "no_diagnosis", f"this node has no diagnosis of session {session_id}")
        archive = await in_thread(partial(packed, folders))
        return web.json_response({"archive": base64.b64encode(archive).decode()})

    async def put(self, request: web.Request) -> web.Response:
        """Run this session: body is a SessionSpec. Answers with the events the functions do not have yet."""
        spec = SessionSpec.from_wire(await _json(request))
        if spec.id != request.match_info["id"]:
            raise BadMessage("field 'id' differs from the path")
        await self._pool.ensure(spec)
        return self._events(spec.id)

    async def delete(self, request: web.Request) -> web.Response:
        """Erase a session here; `logout` says whether to remove the device from the account first."""
        body = await _json(request)
        session_id = request.match_info["id"]
        await self._departures.erase(session_id, log_out=body.get("logout") is True)
        return self._events(session_id)

    async def act(self, request: web.Request) -> web.Response:
        """One action on a running session."""
        session_id, action = request.match_info["id"], request.match_info["action"]
        body = await _json(request)
        spec = self._pool.holdings.spec(session_id)
        generation = body.get("generation")
        if generation is not None and generation != spec.generation:
            return problem(409, "stale_generation", f"this node holds generation {spec.generation}")
        more: dict[str, Any] = {}
        match action:
            case "qr":
                await self._pool.holdings.runner(session_id).calls.refresh()
            case "pairing-code":
                phone_number = body.get("phone_number")
                if not isinstance(phone_number, str):
                    raise BadMessage("field 'phone_number' must be an E.164 number")
                await self._pool.holdings.runner(session_id).calls.request_pairing_code(phone_number)
            case "logout":
                await self._departures.log_out(session_id)
            case "hibernate":
                await self._pool.hibernate(session_id)
            case "wake":
                await self._pool.wake(session_id)
            case "snapshot":
                await self._pool.save(session_id)
            case "chats":
                found = await self._pool.holdings.runner(session_id).calls.chats()
                more = {"synced": found.synced, "chats": [chat.to_wire() for chat in found.chats]}
            case _:
                return problem(404, "unknown_action", f"there is no action {action!r}")
        return self._events(session_id, **more)

    async def drain(self, _: web.Request) -> web.Response:
        """Take no new sessions from now on."""
        self._pool.draining = True
        return web.json_response({"draining": True})

    def _describe(self, runner: SessionRunner) -> dict[str, Any]:
        pss = self._memory.bytes_of(runner.browser_pid)
        return {
            "id": runner.spec.id,
            "generation": runner.spec.generation,
            "start_seq": runner.spec.start_seq,
            "status": runner.status.value,
            "phase": runner.phase.value if runner.phase else None,
            "browser_pid": runner.browser_pid,
            "pss_mb": None if pss is None else pss // MB,
        }

    def _events(self, session_id: str, **more: Any) -> web.Response:
        events = [event.to_wire() for event in self._outbox.pending_of(session_id)]
        return web.json_response({"events": events, **more})


async def _json(request: web.Request) -> dict[str, Any]:
    raw = await request.read()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadMessage("the body is not JSON") from error
    if not isinstance(body, dict):
        raise BadMessage("the body must be a JSON object")
    return body
