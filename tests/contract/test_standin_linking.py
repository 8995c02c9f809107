"""How a page of the stand-in gets linked: QR, pairing code, passkey."""

import io

import pytest
import zxingcpp
from PIL import Image

from tests.standin import fixtures
from tests.standin.chromium import ME, SOCKET
from tests.standin.client import PhoneRefused, StandIn
from tests.standin.fixtures import OpenChromium, StartStandIn

pytestmark = pytest.mark.browser
playwright = fixtures.playwright
start_standin = fixtures.start_standin
standin = fixtures.standin
open_chromium = fixtures.open_chromium

NUMBER = "6281234567890"
SHOWN = "document.querySelector('[data-ref]').dataset.ref"
LINKING_API = "window.require('WAWebAltDeviceLinkingApi')"


def test_screenshot_of_the_canvas_decodes_to_data_ref(standin: StandIn, open_chromium: OpenChromium) -> None:
    browser = open_chromium(standin.url)
    text = browser.qr_text()
    shown = zxingcpp.read_barcode(Image.open(io.BytesIO(browser.page.screenshot())))
    assert shown is not None
    assert shown.text == text


def test_modules_hold_the_parts_that_the_qr_shows(standin: StandIn, open_chromium: OpenChromium) -> None:
    browser = open_chromium(standin.url)
    parts = browser.qr_text().split(",")
    assert parts == browser.page.evaluate(
        """async () => {
            const { encodeB64 } = require('WABase64');
            const noise = await require('WAWebUserPrefsInfoStore').waNoiseInfo.get();
            const registration = await require('WAWebSignalStoreApi').waSignalStore.getRegistrationInfo();
            return [
                require('WAWebConnModel').Conn.ref,
                encodeB64(noise.staticKeyPair.pubKey),
                encodeB64(registration.identityKeyPair.pubKey),
                require('WAWebUserPrefsMultiDevice').getADVSecretKey(),
                require('WAWebCompanionRegClientUtils').DEVICE_PLATFORM,
            ];
        }"""
    )


def test_qr_can_come_without_the_platform(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(qr_platform=False)
    browser = open_chromium(standin.url)
    text = browser.qr_text()
    assert len(text.split(",")) == 4
    standin.scan(text, NUMBER)
    browser.until_synced()


def test_refs_rotate_then_idle_then_refresh(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(first_ref_ms=500, next_ref_ms=250, refs=3)
    browser = open_chromium(standin.url)
    first = browser.qr_text()
    second = browser.until(f"({SHOWN}) !== '{first}' && ({SHOWN})")
    third = browser.until(f"!['{first}', '{second}'].includes({SHOWN}) && ({SHOWN})")
    browser.until_state("UNPAIRED_IDLE")
    assert browser.page.evaluate(SHOWN) == third
    assert standin.stats()["refs_issued"] == 3
    assert browser.page.locator("[data-ref] button").count() == 1

    for dead in (first, second, third):
        with pytest.raises(PhoneRefused, match="dead_ref"):
            standin.scan(dead, NUMBER)

    browser.page.evaluate("require('WAWebCmd').Cmd.refreshQR()")
    browser.until_state("UNPAIRED")
    standin.scan(browser.qr_text(), NUMBER)
    browser.until_synced()


def test_reload_button_brings_a_new_ref(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(first_ref_ms=200, refs=1)
    browser = open_chromium(standin.url)
    browser.until_state("UNPAIRED_IDLE")
    old = browser.page.get_attribute("[data-ref]", "data-ref")
    standin.options(first_ref_ms=60_000)
    browser.page.click("[data-ref] button")
    assert browser.qr_text() != old


def test_only_the_qr_of_a_living_page_is_accepted(standin: StandIn, open_chromium: OpenChromium) -> None:
    first, second = open_chromium(standin.url, "first"), open_chromium(standin.url, "second")
    ref, *_ = first.qr_text().split(",")
    _, *keys = second.qr_text().split(",")
    for text, code in (("2@nobody,a,b,c", "unknown_ref"), (",".join([ref, *keys]), "foreign_ref")):
        with pytest.raises(PhoneRefused) as refusal:
            standin.scan(text, NUMBER)
        assert refusal.value.code == code
    with pytest.raises(PhoneRefused, match="bad_number"):
        standin.scan(first.qr_text(), "12ab")
    gone = second.qr_text()
    second.close()
    standin.wait_for(lambda: standin.stats()["sockets_open"] == 1, "the second page's socket is closed")
    with pytest.raises(PhoneRefused, match="dead_ref"):
        standin.scan(gone, NUMBER)


def test_scan_leads_through_pairing_to_the_own_number(standin: StandIn, open_chromium: OpenChromium) -> None:
    browser = open_chromium(standin.url)
    text = browser.qr_text()
    browser.page.evaluate(
        f"window.states = []; {SOCKET}.on('change:state', (socket, state) => window.states.push(state))"
    )
    standin.scan(text, "+" + NUMBER, pushname="Ayu")
    browser.until_synced()
    assert browser.page.evaluate("window.states") == ["PAIRING", "OPENING", "CONNECTED"]
    assert browser.number() == NUMBER
    assert browser.lid() not in (None, NUMBER)
    assert browser.page.evaluate("require('WAWebConnModel').Conn.pushname") == "Ayu"
    chats = browser.page.evaluate(
        "require('WAWebCollections').Chat.getModelsArray()"
        ".map(({id, formattedTitle, unreadCount, t, isGroup}) => "
        "({id: String(id), formattedTitle, unreadCount, t, isGroup}))"
    )
    assert len(chats) == standin.options()["chats"]
    assert {chat["id"].endswith("@g.us") for chat in chats if chat["isGroup"]} == {True}
    assert browser.page.locator("#pane-side li").count() == len(chats)


def test_number_is_readable_before_the_sync_ends(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    standin = start_standin(sync_ms=60_000)
    browser = open_chromium(standin.url)
    standin.scan(browser.qr_text(), NUMBER)
    assert browser.until(f"{ME}.getMaybeMePnUser()?.user") == NUMBER
    assert browser.page.evaluate(f"{SOCKET}.hasSynced") is False


def test_late_number_comes_after_the_sync(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(late_number=300)
    browser = open_chromium(standin.url)
    standin.scan(browser.qr_text(), NUMBER)
    browser.until_synced()
    assert browser.number() is None
    assert browser.lid() is not None
    assert browser.until(f"{ME}.getMaybeMePnUser()?.user") == NUMBER


def test_number_may_be_known_to_conn_only(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(late_number="never")
    browser = open_chromium(standin.url)
    standin.scan(browser.qr_text(), NUMBER)
    browser.until_synced()
    assert browser.number() is None
    assert browser.page.evaluate("require('WAWebConnModel').Conn.serialize().me.user") == NUMBER


@pytest.mark.parametrize("after_link", ["stay", "reload"])
def test_page_may_stay_or_reload_after_the_link(
    start_standin: StartStandIn, open_chromium: OpenChromium, after_link: str
) -> None:
    standin = start_standin(after_link=after_link)
    browser = open_chromium(standin.url)
    text = browser.qr_text()
    browser.page.evaluate("window.same_page = true")
    standin.scan(text, NUMBER)
    browser.until_synced()
    assert browser.number() == NUMBER
    assert browser.page.evaluate("Boolean(window.same_page)") is (after_link == "stay")
    assert standin.stats()["double_runs"] == 0


def test_fifth_device_of_a_phone_is_refused(start_standin: StartStandIn, open_chromium: OpenChromium) -> None:
    standin = start_standin(device_limit=2)
    for place in range(2):
        browser = open_chromium(standin.url, f"profile{place}")
        standin.scan(browser.qr_text(), NUMBER)
        browser.until_synced()
    text = open_chromium(standin.url, "one too many").qr_text()
    with pytest.raises(PhoneRefused, match="device_limit"):
        standin.scan(text, NUMBER)
    assert sum(device["linked"] for device in standin.state(NUMBER)["devices"]) == 2


def test_pairing_code_links_the_number_it_was_made_for(standin: StandIn, open_chromium: OpenChromium) -> None:
    browser = open_chromium(standin.url)
    browser.qr_text()
    code = browser.page.evaluate(
        f"""async () => {{
            {LINKING_API}.setPairingType('ALT_DEVICE_LINKING');
            await {LINKING_API}.initializeAltDeviceLinking();
            return {LINKING_API}.startAltLinkingFlow('{NUMBER}', true);
        }}"""
    )
    assert len(code) == 8
    assert browser.page.inner_text("#code") == code
    with pytest.raises(PhoneRefused, match="unknown_code"):
        standin.pair("6289999999999", code)
    standin.pair(NUMBER, f"{code[:4]}-{code[4:]}")
    browser.until_synced()
    assert browser.number() == NUMBER


def test_pairing_code_dies_and_bad_numbers_get_none(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    standin = start_standin(pairing_code_ms=1)
    browser = open_chromium(standin.url)
    browser.qr_text()
    ask = f"{LINKING_API}.setPairingType('ALT_DEVICE_LINKING'), {LINKING_API}.startAltLinkingFlow"
    code = browser.page.evaluate(f"({ask}('{NUMBER}'))")
    with pytest.raises(PhoneRefused, match="dead_code"):
        standin.pair(NUMBER, code)
    assert "8 to 15 digits" in browser.page.evaluate(f"({ask}('12').catch(String))")


def test_passkey_is_asked_for_and_the_page_stays_unlinked(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    standin = start_standin(passkey=True)
    browser = open_chromium(standin.url)
    text = browser.qr_text()
    browser.page.evaluate(
        "void (navigator.credentials.get = (options) => { window.asked = options.publicKey; "
        "return Promise.reject(new DOMException('foreign origin', 'SecurityError')); })"
    )
    assert standin.scan(text, NUMBER)["passkey"] is True
    asked = browser.until("window.asked")
    assert (asked["rpId"], asked["userVerification"]) == ("whatsapp.com", "required")
    assert browser.page.locator("#passkey").count() == 1
    assert standin.state(NUMBER) | {"lid": None} == {
        "phone_number": NUMBER,
        "lid": None,
        "devices": [],
        "waits_for_passkey": True,
    }
    assert browser.number() is None
    standin.passkey_done(NUMBER)
    browser.until_synced()
    assert browser.number() == NUMBER


def test_passkey_call_of_a_foreign_origin_leaves_the_prompt(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    standin = start_standin(passkey=True)
    browser = open_chromium(standin.url)
    text = browser.qr_text()
    with browser.page.expect_console_message(lambda message: message.text.startswith("passkey")):
        standin.scan(text, NUMBER)
    assert browser.page.locator("#passkey").count() == 1
    standin.passkey_cancel(NUMBER)
    assert browser.qr_text() != text
    with pytest.raises(PhoneRefused, match="no_passkey_asked"):
        standin.passkey_done(NUMBER)


def test_unanswered_passkey_ends_in_a_new_qr(
    start_standin: StartStandIn, open_chromium: OpenChromium
) -> None:
    standin = start_standin(passkey=True, passkey_ms=200)
    browser = open_chromium(standin.url)
    text = browser.qr_text()
    standin.scan(text, NUMBER)
    browser.until(f"{SOCKET}.state === 'PAIRING'")
    browser.until_state("UNPAIRED")
    assert browser.qr_text() != text
