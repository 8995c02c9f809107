"""The hosted page in English."""

from __future__ import annotations

from functions.link_view import Screen
from functions.page_numbers import Numbers, PluralForm, one_or_more
from functions.page_texts import Explanation, Message, PageTexts
from storage.models import Phase, ReasonCode

_ASK_AGAIN = "Ask for a new code. If it happens again, tell {workspace}."

ENGLISH = PageTexts(
    locale="en",
    name="English",
    direction="ltr",
    numbers=Numbers(
        plural=one_or_more,
        group=",",
        seconds={PluralForm.ONE: "{n} second", PluralForm.OTHER: "{n} seconds"},
        minutes={PluralForm.ONE: "{n} minute", PluralForm.OTHER: "{n} minutes"},
    ),
    languages="Language",
    asks="{workspace} asks to link your WhatsApp. You can undo this on your phone.",
    about="Your WhatsApp link with {workspace}",
    means="Linking adds {workspace} to the linked devices of your WhatsApp. A linked device can read and "
    "send messages for you, as WhatsApp Web does, until you remove it.",
    expects="Use the WhatsApp whose number ends in {ending}.",
    remove_later="To undo this one day: in WhatsApp, open Linked devices, tap the device, then Log out.",
    screens={
        Screen.NOT_STARTED: Message(
            "Link your WhatsApp",
            "Have your phone at hand. The code appears within seconds and is good for about a minute.",
        ),
        Screen.QUEUED: Message(
            "You are in line",
            "Many people are linking at this moment. Your code comes by itself; keep this page open.",
        ),
        Screen.PREPARING: Message("Getting your code", "It appears here by itself."),
        Screen.SCAN: Message("Scan this code with WhatsApp", "Waiting for your phone."),
        Screen.CODE: Message("Type this code in WhatsApp", "For the WhatsApp of {phone}."),
        Screen.PASSKEY: Message(
            "Confirm on your phone",
            "Your scan worked, and WhatsApp protects this account with a passkey. Only the account's owner "
            "can confirm it, on their own phone; neither this page nor {workspace} can do it for you.",
            "If your phone asks for it, confirm there and keep this page open. If it does not ask, "
            "WhatsApp does not allow this link for now: tell {workspace}.",
        ),
        Screen.LINKING: Message("Your phone said yes", "Linking takes a few seconds."),
        Screen.LINKED: Message(
            "WhatsApp is linked",
            "This number is now linked to {workspace}.",
            "You can close this page.",
        ),
        Screen.LINKED_WITHOUT_NUMBER: Message(
            "WhatsApp is linked",
            "Your account is linked to {workspace}. WhatsApp has not told us its number yet.",
            "You can close this page.",
        ),
        Screen.RECONNECTING: Message(
            "Linked, and reconnecting",
            "The account stays linked to {workspace}. Its connection was interrupted and is being restored.",
            "You need not do anything.",
        ),
        Screen.EXPIRED: Message("The code has run out", "Nobody scanned it in time."),
        Screen.LOGGED_OUT: Message("No longer linked", "This account is not linked to {workspace} any more."),
        Screen.FAILED: Message("That did not work", "Your account was not linked."),
        Screen.REPLACED: Message(
            "Replaced by a newer link",
            "The same number was linked to {workspace} again, and this older link has ended.",
            "You need not do anything. The newer link works.",
        ),
        Screen.DELETED: Message(
            "This link was removed",
            "{workspace} has ended this link, and what it held was erased.",
            "To link again, ask {workspace} for a new link.",
        ),
    },
    phases={
        Phase.LAUNCHING: "Starting a browser for you. This takes a few seconds.",
        Phase.LOADING: "Opening WhatsApp Web. This takes a few seconds.",
        Phase.WAITING_FOR_QR: "WhatsApp is preparing your code. Nearly there.",
        Phase.WAITING_FOR_SCAN: "Waiting for your phone.",
        Phase.LINKING: "WhatsApp is linking this device. Keep your phone online.",
        Phase.SYNCING: "WhatsApp is syncing with your phone. Keep it online; this may take a minute.",
        Phase.READING_PHONE: "Reading your phone number.",
    },
    reasons={
        ReasonCode.QR_TIMEOUT: Explanation(
            "Nobody scanned the code in time.", "Open WhatsApp on your phone, then ask for a new code."
        ),
        ReasonCode.LAUNCH_TIMEOUT: Explanation(
            "The browser for your link did not start in time.", _ASK_AGAIN
        ),
        ReasonCode.LOAD_TIMEOUT: Explanation(
            "WhatsApp Web took too long to open.", "Wait a minute, then ask for a new code."
        ),
        ReasonCode.LINK_TIMEOUT: Explanation(
            "Your phone accepted the code, but WhatsApp did not finish linking.",
            "Check that your phone is online, then ask for a new code.",
        ),
        ReasonCode.BROWSER_REFUSED: Explanation(
            "WhatsApp does not accept the browser behind this page.",
            "Tell {workspace}; trying again will hardly help.",
        ),
        ReasonCode.BROWSER_CRASH: Explanation("The browser for your link stopped.", _ASK_AGAIN),
        ReasonCode.PAGE_UNREACHABLE: Explanation(
            "WhatsApp Web cannot be reached at the moment.", "Wait a minute, then ask for a new code."
        ),
        ReasonCode.PAGE_BROKEN: Explanation(
            "WhatsApp Web has changed in a way that we do not understand yet.",
            "Tell {workspace}; trying again will hardly help.",
        ),
        ReasonCode.SOCKET_LOST: Explanation(
            "The connection to WhatsApp was lost.",
            "Check that your phone is online, then ask for a new code.",
        ),
        ReasonCode.NODE_LOST: Explanation("The computer that held your link stopped.", _ASK_AGAIN),
        ReasonCode.WA_LOGOUT: Explanation(
            "The device was removed in WhatsApp, on the phone or by WhatsApp itself.",
            "To link it again, ask for a new code.",
        ),
        ReasonCode.WA_CONFLICT: Explanation(
            "WhatsApp says that this link was opened in another place.",
            "Close WhatsApp Web elsewhere, then ask for a new code.",
        ),
        ReasonCode.PASSKEY: Explanation(
            "WhatsApp asked for a passkey, and it was not confirmed in time. Only the account's owner can "
            "confirm it, on their own phone.",
            "Ask for a new code if you can confirm it now. If your phone does not ask, tell {workspace}.",
        ),
        ReasonCode.RESTORE_CORRUPT: Explanation(
            "The saved link could not be brought back.", "To link again, ask for a new code."
        ),
        ReasonCode.RESTORE_MISSING: Explanation(
            "The saved link could not be found any more.", "To link again, ask for a new code."
        ),
        ReasonCode.STORE_UNAVAILABLE: Explanation(
            "The place where links are kept safe does not answer.", "You need to do nothing: we keep trying."
        ),
        ReasonCode.CAPACITY: Explanation(
            "Too many people were linking at that moment.", "Wait a minute, then ask for a new code."
        ),
        ReasonCode.MEMORY_LIMIT: Explanation("WhatsApp Web needed more memory than there was.", _ASK_AGAIN),
        ReasonCode.REQUESTED: Explanation(
            "{workspace} has ended this link.", "To link again, ask for a new code."
        ),
        ReasonCode.DUPLICATE: Explanation(
            "This number is linked to {workspace} already.",
            "To link another number, ask for a new code.",
        ),
        ReasonCode.WRONG_NUMBER: Explanation(
            "{workspace} waits for another number, so this account was logged out again at once.",
            "Take the phone whose number ends in {ending}, and ask for a new code.",
        ),
        ReasonCode.ACCOUNT_RESTRICTED: Explanation(
            "WhatsApp has restricted this account, and does not let it use linked devices for now.",
            "Open WhatsApp on your phone to see why and until when. Then ask for a new code.",
        ),
    },
    unknown_reason=Explanation("Something went wrong on our side.", _ASK_AGAIN),
    scan_steps=(
        "Open WhatsApp on your phone.",
        "Tap Menu ⋮ on Android or Settings on iPhone, then Linked devices.",
        "Tap Link a device and point the phone at the code.",
    ),
    code_steps=(
        "Open WhatsApp on your phone, or tap the notification from WhatsApp.",
        "Tap Menu ⋮ on Android or Settings on iPhone, then Linked devices.",
        "Tap Link a device, then Link with phone number instead, and type the code.",
    ),
    help_summary="My phone does not accept it",
    help_lines=(
        "It says that you have too many linked devices: WhatsApp allows four. In Linked devices, log one "
        "out, then try again.",
        "It says that you cannot link devices now: WhatsApp has restricted the account for a while. Only "
        "WhatsApp can lift this; try again later.",
        "It asks for a fingerprint, face or passkey: that is WhatsApp protecting you. Confirm it on your own "
        "phone.",
        "Nothing happens: see that the phone is online and WhatsApp up to date.",
    ),
    qr_label="QR code to scan with WhatsApp on your phone",
    qr_ends="Valid for {time}",
    code_ends="Valid for {time}",
    passkey_ends="Time left to confirm: {time}",
    qr_renewing="Getting a new code",
    queue_position="Your place in line: {position}",
    queue_wait="About {time} to go",
    takes_longer="This takes longer than usual. We go on trying; keep this page open, or come back later.",
    start="Show the code",
    new_qr="Get a new code",
    back_to="Back to {workspace}",
    returning="Taking you back to {workspace} in {time}",
    stay="Stay here",
    by_phone=Message(
        "Link with your phone number", "You get a code to type in WhatsApp on this phone; nothing to scan."
    ),
    show_qr="Show a QR code instead",
    copy_code="Copy the code",
    code_copied="Copied",
    pairing_summary="Link with phone number instead",
    pairing_hint="No second screen? Get a code to type in WhatsApp on this phone.",
    pairing_country="Country",
    pairing_number="WhatsApp number",
    pairing_field="WhatsApp number, with country code",
    pairing_example="+44 7400 123456",
    pairing_submit="Get a code",
    pairing_again="Use another number",
    phone_missing="Enter the number of your WhatsApp.",
    phone_without_country="Start with + and the country code, as in +44 7400 123456.",
    phone_wrong="This is no complete phone number. Check the country code and the digits.",
    phone_not_expected="{workspace} waits for another number, one that ends in {ending}.",
    busy="That could not be done just now. Wait a few seconds and try again.",
    retrying="No connection. Trying again; what you see may be out of date.",
    refreshes_itself="This page refreshes itself every few seconds.",
    unknown_link=Message(
        "No such link",
        "It was replaced by a newer one, or the address is not complete.",
        "Check that you opened the whole address, or ask whoever sent it for a new link.",
    ),
    expired_link=Message(
        "This link has expired",
        "For your safety, a link works only for a limited time.",
        "Ask whoever sent it for a new link.",
    ),
    revoked_link=Message(
        "This link was ended",
        "{workspace} has ended this link before it was used.",
        "If you still want to link your WhatsApp, ask {workspace} for a new link.",
    ),
    finished_link=Message(
        "WhatsApp is linked",
        "This link has done its work, and is closed for your safety.",
        "You can close this page. What is linked you see in WhatsApp, under Linked devices.",
    ),
    other_browser=Message(
        "Opened in another browser",
        "For your safety, a link works only in the browser that opened it first.",
        "Go on there, or ask {workspace} for a new link and open it here. If this is the same browser, let "
        "it keep cookies for this page.",
    ),
    card=Message("Link your WhatsApp with {workspace}", "Open this page to link your WhatsApp."),
    foreign_form=Message(
        "Not from this page",
        "The request came from another website and was not carried out.",
        "Open your link again and use the button there.",
    ),
)
