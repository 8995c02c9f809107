"""docs/webhooks.md says what the code does."""

import pytest

from functions.webhook_examples import DOCUMENT, FIELDS, SAMPLES, example, render
from storage.events import INTERNAL, EventType

PUBLIC = sorted(set(EventType) - INTERNAL)


def test_the_document_is_what_the_code_says() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == render(text), "write it anew: python -m functions.webhook_examples"


def test_every_public_event_is_explained() -> None:
    assert sorted(SAMPLES) == PUBLIC


@pytest.mark.parametrize("type_", PUBLIC)
def test_every_field_is_explained(type_: EventType) -> None:
    body = example(type_)
    assert (body["type"], set(body)) == (type_.value, {"type", "timestamp", "data"})
    assert set(body["data"]) <= set(FIELDS)
    assert {"workspace_id", "session_id", "status", "version"} <= set(body["data"])


def test_the_fields_that_were_promised_first_are_there() -> None:
    qr, ready = example(EventType.QR_CODE_GENERATED)["data"], example(EventType.SESSION_READY)["data"]
    assert qr["qr_code"].startswith("data:image/png;base64,iVBOR")
    assert qr["expires_in"] == 60
    assert ready["phone_number"] == "+6281234567890"


def test_a_document_without_its_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="numbers"):
        render("# Webhooks")
