"""What leaves a page's console for an operator."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from browser_pool.scrub import LONGEST, scrubbed


@pytest.mark.parametrize(
    "secret",
    [
        "2@Kx8fQ2mZt0pWb3nYv5sUc7rLe9hGd1jA,4vXw6yTz8uRq0oPn2mLk4jIh6gFe8dCb",
        "+62 812-3456-7890",
        "6281234567890",
        "ABCD-1234",
        "https://web.whatsapp.com/x?token=abc123&phone=1#frag",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
        "0123456789abcdef0123456789abcdef",
    ],
)
def test_secrets_are_left_out(secret: str) -> None:
    said = scrubbed(f"Uncaught Error: {secret} is wrong")
    assert said.startswith("Uncaught Error:")
    for part in secret.removeprefix("https://web.whatsapp.com/x").split():
        assert part not in said


def test_names_of_modules_and_plain_words_stay() -> None:
    text = 'Error: Requiring unknown module "WAWebUserPrefsMultiDevice" at https://web.whatsapp.com/app.js:1:2345'
    assert scrubbed(text) == text
    assert scrubbed("PageBroken: WAWebCompanionRegClientUtils") == "PageBroken: WAWebCompanionRegClientUtils"


@given(st.text())
def test_any_text_becomes_a_short_one(text: str) -> None:
    assert len(scrubbed(text)) <= LONGEST
