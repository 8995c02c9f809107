"""Runs the stand-in: `python -m tests.standin --port 0 --port-file PATH [--tls-port 0] [--options JSON]`."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from tests.standin import tls
from tests.standin.devices import Devices
from tests.standin.options import BadOption, parse
from tests.standin.server import Server
from tests.standin.site import Site


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.standin", description="A local stand-in for WhatsApp Web."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="of 127.0.0.0/8, or browsers do not trust the page"
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--tls-port", type=int, help="serve the same over TLS as well; 0 takes a free port")
    parser.add_argument("--port-file", type=Path, help="gets the port, and the TLS port on a second line")
    parser.add_argument("--options", default="{}", help="JSON object; GET /phone/options shows all")
    parser.add_argument("--state-dir", type=Path, help="keeps linked devices here over restarts")
    return parser.parse_args()


async def serve(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    site = Site(options=parse(json.loads(args.options)), devices=Devices(args.state_dir))
    runner = web.AppRunner(Server(site).app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, args.host, args.port).start()
        if args.tls_port is not None:
            await web.TCPSite(runner, args.host, args.tls_port, ssl_context=tls.context()).start()
        ports = [address[1] for address in runner.addresses]
        if args.port_file:
            draft = args.port_file.with_suffix(".draft")
            draft.write_text("".join(f"{port}\n" for port in ports))
            os.replace(draft, args.port_file)  # noqa: PTH105 - readers never see half a file
        print(f"standin ready http://{args.host}:{ports[0]}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> int:
    logging.basicConfig(level=logging.WARNING)
    try:
        asyncio.run(serve(arguments()))
    except (BadOption, json.JSONDecodeError) as error:
        print(f"standin: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
