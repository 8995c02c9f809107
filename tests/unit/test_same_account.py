"""Which spellings of a number are one account."""

import pytest

from storage.same_account import same_account


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+6281234567890", "+6281234567890"),
        ("+5511912345678", "+551112345678"),
        ("+5215512345678", "+525512345678"),
        ("+5491112345678", "+541112345678"),
    ],
)
def test_one_account(one: str, other: str) -> None:
    assert same_account(one, other)
    assert same_account(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+6281234567890", "+6281234567891"),
        ("+5511912345678", "+5511812345678"),
        ("+5511912345678", "+552112345678"),
        ("+15512345678", "+5515512345678"),
    ],
)
def test_two_accounts(one: str, other: str) -> None:
    assert not same_account(one, other)
