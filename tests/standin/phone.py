"""The phone's side, as an HTTP API: scan, enter a code, remove a device; and troubles a test may order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.standin import accounts
from tests.standin.devices import Device, DeviceLimit
from tests.standin.offers import Refused
from tests.standin.options import BadOption, patch
from tests.standin.site import Site
from tests.standin.sockets import ANSWER_WITHIN, PageSocket

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What the phone cannot do, as a status with a reason."""
    try:
        return await handler(request)
    except Refused as error:
        return _error(error.status, error.code, str(error))
    except DeviceLimit as error:
        return _error(409, "device_limit", str(error))
    except accounts.BadNumber as error:
        return _error(422, "bad_number", str(error))
    except BadOption as error:
        return _error(422, "bad_option", str(error))


class Phone:
    """Routes of the phone API, over one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def add_to(self, app: web.Application) -> None:
        app.router.add_post("/phone/scan", self.scan)
        app.router.add_post("/phone/pair", self.pair)
        app.router.add_post("/phone/passkey_done", self.passkey_done)
        app.router.add_post("/phone/passkey_cancel", self.passkey_cancel)
        app.router.add_post("/phone/revoke", self.revoke)
        app.router.add_post("/phone/conflict", self.conflict)
        app.router.add_post("/phone/drop", self.drop)
        app.router.add_post("/phone/offline", self.offline)
        app.router.add_get("/phone/state", self.state)
        app.router.add_get("/phone/speaking", self.speaking)
        app.router.add_get("/phone/stats", self.stats)
        app.router.add_get("/phone/options", self.options)
        app.router.add_patch("/phone/options", self.change_options)

    # -- linking

    async def scan(self, request: web.Request) -> web.Response:
        body = await request.json()
        number = accounts.digits(body.get("phone_number"))
        return self._accept(self._site.offers.scan(str(body.get("ref_text", ""))), number, body)

    async def pair(self, request: web.Request) -> web.Response:
        body = await request.json()
        number = accounts.digits(body.get("phone_number"))
        return self._accept(self._site.offers.enter(number, str(body.get("code", ""))), number, body)

    def _accept(self, page: PageSocket, number: str, body: dict[str, Any]) -> web.Response:
        self._site.devices.room_for(number, self._site.options.device_limit)
        page.accept(number, body.get("pushname") or accounts.pushname_of(number))
        return web.json_response({"accepted": True, "passkey": self._site.options.passkey}, status=202)

    async def passkey_done(self, request: web.Request) -> web.Response:
        for page in self._waiting_for_passkey(await self._number(request)):
            page.answer_passkey()
        return _done()

    async def passkey_cancel(self, request: web.Request) -> web.Response:
        for page in self._waiting_for_passkey(await self._number(request)):
            page.start_over()
        return _done()

    def _waiting_for_passkey(self, number: str) -> list[PageSocket]:
        pages = [page for page in self._site.presence.of_phone(number) if page.waits_for_passkey]
        if not pages:
            raise Refused(409, "no_passkey_asked", "no page waits for this phone's passkey")
        return pages

    # -- devices

    async def revoke(self, request: web.Request) -> web.Response:
        """Remove every linked device of the phone. Open pages hear it at once, closed ones when they come."""
        devices = self._linked(await self._number(request))
        for device in devices:
            self._site.devices.unlink(device)
            if page := self._site.presence.speaker(device.id):
                await page.send("revoked")
        return web.json_response({"revoked": len(devices)})

    async def conflict(self, request: web.Request) -> web.Response:
        """Open the phone's devices in a browser we do not know."""
        pages = [
            self._site.presence.displace(device.id) for device in self._linked(await self._number(request))
        ]
        for page in filter(None, pages):
            await page.send("conflict")
        return _done()

    # -- trouble

    async def drop(self, request: web.Request) -> web.Response:
        """Cut the sockets of one phone, or of every page when none is named."""
        body = await request.json() if request.can_read_body else {}
        presence = self._site.presence
        number = body.get("phone_number")
        pages = presence.of_phone(accounts.digits(number)) if number else list(presence.pages)
        await asyncio.gather(*(page.close() for page in pages))
        return web.json_response({"dropped": len(pages)})

    async def offline(self, request: web.Request) -> web.Response:
        """Cut the phone's sockets and refuse new ones for some seconds."""
        body = await request.json()
        number = accounts.digits(body.get("phone_number"))
        now = asyncio.get_running_loop().time()
        self._site.offline_until[number] = now + float(body.get("seconds", 0))
        await asyncio.gather(*(page.close() for page in self._site.presence.of_phone(number)))
        return _done()

    # -- looking

    async def state(self, request: web.Request) -> web.Response:
        number = accounts.digits(request.query.get("phone_number"))
        pages = self._site.presence.of_phone(number)
        rows = [
            {
                "id": device.id,
                "linked": device.linked,
                "pages": sum(page.device is device for page in pages),
                "state": self._state_of(device),
            }
            for device in self._site.devices.of_phone(number)
        ]
        return web.json_response(
            {
                "phone_number": number,
                "lid": accounts.lid_of(number),
                "devices": rows,
                "waits_for_passkey": any(page.waits_for_passkey for page in pages),
            }
        )

    def _state_of(self, device: Device) -> str:
        if not device.linked:
            return "revoked"
        page = self._site.presence.speaker(device.id)
        return page.state if page else "away"

    async def speaking(self, request: web.Request) -> web.Response:
        """Which linked devices have a page that runs and can be reached: each is asked."""
        within = float(request.query.get("within", ANSWER_WITHIN))
        presence = self._site.presence
        devices = [device for device in self._site.devices.all() if device.linked]

        async def speaks(device: Device) -> bool:
            page = presence.speaker(device.id)
            return page is not None and await page.answers(within)

        answers = await asyncio.gather(*(speaks(device) for device in devices))
        said = {device.phone_number: answer for device, answer in zip(devices, answers, strict=True)}
        return web.json_response({"speaking": said})

    async def stats(self, request: web.Request) -> web.Response:
        return web.json_response(self._site.stats.as_json())

    async def options(self, request: web.Request) -> web.Response:
        return web.json_response(vars(self._site.options))

    async def change_options(self, request: web.Request) -> web.Response:
        self._site.options = patch(self._site.options, await request.json())
        return web.json_response(vars(self._site.options))

    # -- reading requests

    async def _number(self, request: web.Request) -> str:
        return accounts.digits((await request.json()).get("phone_number"))

    def _linked(self, number: str) -> list[Device]:
        devices = [device for device in self._site.devices.of_phone(number) if device.linked]
        if not devices:
            raise Refused(404, "no_device", "this phone has no linked device")
        return devices


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": code, "message": message}, status=status)


def _done() -> web.Response:
    return web.json_response({"done": True})
