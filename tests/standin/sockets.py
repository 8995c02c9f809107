"""One websocket of one page: the device proves itself, then shows refs until a phone accepts one, or serves
its account. The server leads; the page only asks for a fresh ref, a code, or to be logged out."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Coroutine
from typing import Any

from aiohttp import WSMsgType, web

from tests.standin import accounts
from tests.standin.devices import Device, DeviceLimit, signed_by
from tests.standin.site import Site

ANSWER_WITHIN = 0.5  # seconds; a page that lives answers in a few ms, a frozen one never
PROGRESS_STEPS = 4
TRY_AGAIN_LATER = 1013  # close code of a phone that is offline


class PageLeft(Exception):
    """The page closed its socket, or said something else, before it had proven its device."""


class PageSocket:
    def __init__(self, site: Site, ws: web.WebSocketResponse) -> None:
        self._site = site
        self._ws = ws
        self._hello: dict[str, Any] = {}
        self._work: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()
        self._stored = asyncio.Event()
        self._passkey = asyncio.Event()
        self.device: Device | None = None
        self.number: str | None = None  # the phone of the device, or the one that is linking it
        self.waits_for_passkey = False
        self.state = "OPENING"  # as the page last told it

    @property
    def tab(self) -> str:
        return str(self._hello.get("tab", ""))

    def qr_parts(self) -> list[str]:
        parts = [self._hello["noise"], self._hello["identity"], self._hello["adv"]]
        return [*parts, self._hello["platform"]] if self._site.options.qr_platform else parts

    # -- life of the socket

    async def run(self) -> None:
        stats = self._site.stats
        stats.socket_connects += 1
        stats.sockets_open += 1
        self._site.presence.pages.add(self)
        try:
            if await self._prove():
                async for message in self._ws:
                    if message.type is WSMsgType.TEXT:
                        await self._receive(json.loads(message.data))
        finally:
            stats.sockets_open -= 1
            self._site.presence.leave(self)
            self._site.offers.withdraw(self)
            if self._work:
                self._work.cancel()

    async def send(self, kind: str, **fields: Any) -> None:
        with contextlib.suppress(ConnectionError):  # the page left; run() ends by itself
            await self._ws.send_json({"type": kind, **fields})

    async def close(self, code: int = 1012) -> None:
        await self._ws.close(code=code)

    async def answers(self, within: float = ANSWER_WITHIN) -> bool:
        """Whether the page itself still runs. An open connection proves nothing: frozen browsers keep it.

        Several may ask at a time; an answer to one that asked before counts, as it came since.
        """
        self._answered.clear()
        try:
            async with asyncio.timeout(within):
                await self.send("are_you_there")
                await self._answered.wait()
        except TimeoutError:
            return False
        return True

    async def _prove(self) -> bool:
        """Hello, nonce, proof. Afterwards the socket shows refs or serves its device; False: refused."""
        self._hello = await self._hear("hello")
        known = self._site.devices.get(self._hello["identity"])
        if known is not None:
            self.number = known.phone_number
            if self._site.is_offline(self.number):
                await self.close(TRY_AGAIN_LATER)
                return False
            if self._hello["first"]:
                self._site.stats.index_loads_by_device[known.id] += 1
        nonce = secrets.token_urlsafe(24)
        await self.send("nonce", nonce=nonce)
        proof = await self._hear("proof")
        if not self._hello["linked"]:
            self.number = None
            if not signed_by(self._hello["signing_key"], f"{nonce}.", proof["signature"]):
                return await self._refuse("proof")
            self._begin(self._show_refs())
            return True
        if known is None or not known.linked:
            return await self._refuse("revoked")
        if not signed_by(known.signing_key, f"{nonce}.{known.secret}", proof["signature"]):
            return await self._refuse("proof")
        self.device = known
        await self._serve(known)
        return True

    async def _hear(self, kind: str) -> dict[str, Any]:
        message = await self._ws.receive()
        if message.type is not WSMsgType.TEXT:
            raise PageLeft(f"before its {kind}")
        body: dict[str, Any] = json.loads(message.data)
        if body["type"] != kind:
            raise PageLeft(f"with {body['type']} for its {kind}")
        return body

    async def _refuse(self, reason: str) -> bool:
        self._site.stats.proofs_refused += 1
        await self.send("refused", reason=reason)
        return False

    async def _receive(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "here":
                self._answered.set()
            case "state":
                self.state = message["state"]
            case "stored":
                self._stored.set()
            case "refresh" if self.number is None:
                self._begin(self._show_refs())
            case "code" if self.number is None:
                await self._show_code(message["phone"], message["id"])
            case "logout" if self.device is not None:
                self._site.devices.unlink(self.device)
                await self.send("logged_out")

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """A socket does one thing at a time: show refs, link, or sync. A failed link itself begins refs."""
        if self._work and self._work is not asyncio.current_task():
            self._work.cancel()
        self._work = asyncio.create_task(work)

    # -- not linked yet

    async def _show_refs(self) -> None:
        options, offers = self._site.options, self._site.offers
        if options.never_qr:
            return
        await asyncio.sleep(options.ref_ms / 1000)
        for place in range(options.refs):
            ttl_ms = options.next_ref_ms if place else options.first_ref_ms
            self._site.stats.refs_issued += 1
            await self.send("ref", ref=offers.new_ref(self, ttl_ms), ttl_ms=ttl_ms)
            await asyncio.sleep(ttl_ms / 1000)
        await self.send("idle")

    async def _show_code(self, phone: str, request: int) -> None:
        try:
            number = accounts.digits(phone)
        except accounts.BadNumber as error:
            await self.send("code", id=request, error=str(error))
            return
        self._site.stats.codes_issued += 1
        code = self._site.offers.new_code(self, number, self._site.options.pairing_code_ms)
        await self.send("code", id=request, code=code)

    def accept(self, number: str, pushname: str) -> None:
        """A phone scanned the QR or entered the code."""
        self._site.offers.withdraw(self)
        self.number = number
        self._begin(self._link(number, pushname))

    def answer_passkey(self) -> None:
        """The owner confirmed with the passkey."""
        self._passkey.set()

    def start_over(self) -> None:
        """The link failed: the page gets a new QR."""
        self.number = None
        self.waits_for_passkey = False
        self._begin(self._show_refs())

    async def _link(self, number: str, pushname: str) -> None:
        options = self._site.options
        await self.send("pairing")
        if options.passkey and not await self._ask_passkey(options.passkey_ms):
            self.start_over()
            return
        await asyncio.sleep(options.link_ms / 1000)
        hello = self._hello
        try:
            device = self._site.devices.link(
                hello["identity"], hello["signing_key"], number, pushname, options.device_limit
            )
        except DeviceLimit:  # a fourth device was faster
            self.start_over()
            return
        self._site.stats.links += 1
        self._site.stats.index_loads_by_device[device.id] += 1
        await self.send("linked", secret=device.secret, me=self._me(device), after_link=options.after_link)
        if options.after_link == "stay":
            await self._stored.wait()
            self.device = device
            await self._serve(device)

    async def _ask_passkey(self, ms: int) -> bool:
        self._passkey.clear()
        self.waits_for_passkey = True
        await self.send("passkey", challenge=secrets.token_urlsafe(32), timeout=ms)
        try:
            async with asyncio.timeout(ms / 1000):
                await self._passkey.wait()
        except TimeoutError:
            return False
        finally:
            self.waits_for_passkey = False
        return True

    # -- linked

    def _me(self, device: Device) -> dict[str, Any]:
        return {
            "number": None if self._site.options.late_number is not None else device.phone_number,
            "conn_number": device.phone_number if self._site.options.late_number == "never" else None,
            "lid": accounts.lid_of(device.phone_number),
            "pushname": device.pushname,
            "platform": "android",
        }

    async def _serve(self, device: Device) -> None:
        await self._site.presence.claim(
            device.id, self, takeover=bool(self._hello.get("takeover")), stats=self._site.stats
        )
        await self.send("welcome", me=self._me(device))
        self._begin(self._sync(device))

    async def _sync(self, device: Device) -> None:
        options = self._site.options
        has_chats = self._hello["has_chats"]
        step = (options.restored_sync_ms if has_chats else options.sync_ms) / 1000 / PROGRESS_STEPS
        if not has_chats:
            await self.send("chats", chats=accounts.chats_of(device.phone_number, options.chats))
        for done in range(1, PROGRESS_STEPS + 1):
            await asyncio.sleep(step)
            await self.send("progress", percent=100 * done // PROGRESS_STEPS)
        await self.send("synced")
        if isinstance(options.late_number, int):
            await asyncio.sleep(options.late_number / 1000)
            await self.send("number", number=device.phone_number)
