"""The pictures of the page in docs/ are those of the states that there are."""

import pytest

from tests.integration.page_states import STATES
from tests.page_pictures import FOLDER, IN_README, LOOKS, Look

LIMIT_BYTES = 3_000_000
"""A clone should not wait for pictures."""


@pytest.mark.parametrize("look", [look for look in LOOKS if not look.sheet], ids=lambda look: look.name)
def test_every_state_has_its_picture_and_no_other(look: Look) -> None:
    pictured = {path.stem for path in (FOLDER / look.name).iterdir()}
    assert pictured == {state.name for state in STATES}, "run python -m tests.page_pictures"


def test_sheets_and_the_pictures_of_the_readme_are_there_and_all_is_small() -> None:
    expected = {look.name for look in LOOKS if look.sheet} | {file for _, file in IN_README}
    assert {path.stem for path in FOLDER.glob("*.png")} == expected
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.png")) < LIMIT_BYTES
