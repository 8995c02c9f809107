"""Unmodified whatsapp-web.js on the stand-in: what thousands run on the real site must run here as well."""

from pathlib import Path
from typing import Any

import pytest

from tests.peers import installed
from tests.peers.client import WhatsAppWebJs
from tests.standin import fixtures
from tests.standin.client import StandIn
from tests.standin.fixtures import StartStandIn

pytestmark = [pytest.mark.browser, pytest.mark.peer]
peers_installed = installed.peers_installed
start_standin = fixtures.start_standin

NUMBER = "6281234567890"
# It looks for window.Debug every 200 ms and only then subscribes to hasSynced. A sync that is over by then is
# never noticed and `ready` never comes: the first of the mistakes in our list of facts.
SLOW_ENOUGH_MS = 1_500


@pytest.fixture
def standin(start_standin: StartStandIn) -> StandIn:
    return start_standin(tls=True, restored_sync_ms=SLOW_ENOUGH_MS)


def link(standin: StandIn, peer: WhatsAppWebJs) -> dict[str, Any]:
    standin.scan(peer.expect("qr")["text"], NUMBER, pushname="Ayu")
    peer.expect("authenticated")
    return peer.expect("ready")


def test_reaches_qr_authenticated_and_ready_with_the_right_number(standin: StandIn, tmp_path: Path) -> None:
    with WhatsAppWebJs(standin, tmp_path) as peer:
        ready = link(standin, peer)
        assert ready["wid"]["_serialized"] == f"{NUMBER}@c.us"
        assert ready["pushname"] == "Ayu"
        assert peer.heard("loading_screen")


def test_lists_the_chats(standin: StandIn, tmp_path: Path) -> None:
    with WhatsAppWebJs(standin, tmp_path) as peer:
        link(standin, peer)
        chats = peer.ask("chats", "chats")["chats"]
        assert len(chats) == standin.options()["chats"]
        assert all(chat["name"] for chat in chats)
        assert {chat["isGroup"] for chat in chats} == {True, False}


def test_restarts_without_a_qr(standin: StandIn, tmp_path: Path) -> None:
    with WhatsAppWebJs(standin, tmp_path) as peer:
        link(standin, peer)
    with WhatsAppWebJs(standin, tmp_path) as peer:
        assert peer.expect("ready")["wid"]["user"] == NUMBER
        assert not peer.heard("qr")
    stats = standin.stats()
    assert (stats["links"], stats["double_runs"]) == (1, 0)


def test_gets_a_pairing_code(standin: StandIn, tmp_path: Path) -> None:
    with WhatsAppWebJs(standin, tmp_path, phone=NUMBER) as peer:
        code = peer.expect("code")["code"]
        assert len(code) == 8
        standin.pair(NUMBER, code)
        assert peer.expect("ready")["wid"]["user"] == NUMBER


def test_sees_a_logout_by_the_phone_and_shows_a_new_qr(standin: StandIn, tmp_path: Path) -> None:
    with WhatsAppWebJs(standin, tmp_path) as peer:
        link(standin, peer)
        standin.revoke(NUMBER)
        assert peer.expect("disconnected")["reason"] == "LOGOUT"
        peer.expect("qr")


def test_logs_itself_out(standin: StandIn, tmp_path: Path) -> None:
    with WhatsAppWebJs(standin, tmp_path) as peer:
        link(standin, peer)
        peer.ask("logout", "logged_out")
        assert [device["linked"] for device in standin.state(NUMBER)["devices"]] == [False]


def test_rides_out_a_lost_socket(standin: StandIn, tmp_path: Path) -> None:
    with WhatsAppWebJs(standin, tmp_path) as peer:
        link(standin, peer)
        standin.drop(NUMBER)
        while peer.expect("change_state")["state"] != "CONNECTED":
            pass
        assert not peer.heard("disconnected")
