"""Which hosts a slot's browser may talk to."""

from __future__ import annotations

import pytest

from browser_pool.config import PoolConfig
from browser_pool.flood_guard import MOST_CHARACTERS, MOST_EVENTS, WINDOW_SECONDS, FloodGuard
from browser_pool.page_hosts import origin, walls
from storage.errors import ConfigError

SECRET = "0123456789abcdef" * 4


def rules(flags: object, name: str) -> list[str]:
    (rule,) = [flag for flag in flags if flag.startswith(f"--{name}=")]  # type: ignore[attr-defined]
    return rule.partition("=")[2].split(", ")


def test_whatsapp_gets_its_own_hosts_and_no_others() -> None:
    flags = walls("https://web.whatsapp.com/", (), None)
    allowed = {"web.whatsapp.com", "whatsapp.com", "*.whatsapp.com", "whatsapp.net", "*.whatsapp.net"}
    for name in ("host-rules", "host-resolver-rules"):
        first, *exceptions = rules(flags, name)
        assert first == "MAP * ~NOTFOUND"
        assert {one.removeprefix("EXCLUDE ") for one in exceptions} == allowed


def test_a_stand_in_gets_its_own_host_alone() -> None:
    for url, host in (("http://127.0.0.1:8200/", "127.0.0.1"), ("http://[::1]:8200/", "[::1]")):
        assert rules(walls(url, (), None), "host-rules") == ["MAP * ~NOTFOUND", f"EXCLUDE {host}"]


@pytest.mark.parametrize("proxy", ["http://proxy.example.com:3128", "socks5://proxy.example.com:1080"])
def test_a_proxy_is_found_but_no_page_may_ask_it(proxy: str) -> None:
    flags = walls("https://web.whatsapp.com/", ("cdn.example.com",), proxy)
    assert "EXCLUDE proxy.example.com" in rules(flags, "host-resolver-rules")
    assert "EXCLUDE proxy.example.com" not in rules(flags, "host-rules")
    assert "EXCLUDE cdn.example.com" in rules(flags, "host-rules")


@pytest.mark.parametrize("host", ["*", "*.*", "a b.com", "x.com,EXCLUDE *", "MAP * 1.2.3.4", "localhost"])
def test_a_setting_that_would_open_more_than_a_host_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="PAGE_HOSTS"):
        PoolConfig.from_env({"POOL_SECRET": SECRET, "PAGE_HOSTS": f"good.example.com,{host}"})


def test_an_origin_leaves_out_the_usual_port() -> None:
    assert origin("https://web.whatsapp.com:443/a?b#c") == "https://web.whatsapp.com"
    assert origin("http://127.0.0.1:8200/") == "http://127.0.0.1:8200"
    assert origin("https://web.whatsapp.com@evil.example/") == "https://evil.example"
    assert origin("https://web.whatsapp.com.evil.example/") != "https://web.whatsapp.com"


def test_a_flood_is_noticed_by_its_number_or_its_size_and_an_honest_page_never() -> None:
    now = [0.0]
    honest, many, large = (FloodGuard(lambda: now[0]) for _ in range(3))
    for _ in range(20):
        now[0] += WINDOW_SECONDS
        assert all(honest.count(2_000) is None for _ in range(MOST_EVENTS))
    assert [many.count(10) for _ in range(MOST_EVENTS)] == [None] * MOST_EVENTS
    assert "events" in (many.count(10) or "")
    assert large.count(MOST_CHARACTERS) is None
    assert "MB" in (large.count(1) or "")
