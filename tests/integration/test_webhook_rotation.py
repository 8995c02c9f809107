"""A webhook secret is replaced without a webhook that anybody refuses."""

from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from tests.fakes import fixtures, webhook_fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.receiver import Received, Receiver
from tests.fakes.webhook_fixtures import StartDeliverer

idle_pool = fixtures.idle_pool
receiver = fixtures.receiver
functions = webhook_fixtures.functions
backend = webhook_fixtures.backend
pool = webhook_fixtures.pool
deliver = webhook_fixtures.deliver

ROTATE = "/api/webhooks/secret/rotate"


def rotate(backend: Backend, **body: Any) -> dict[str, Any]:
    response = backend.post(ROTATE, json=body)
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    answer: dict[str, Any] = response.get_json()
    return answer


def signatures(one: Received) -> list[str]:
    return one.headers["webhook-signature"].split(" ")


def test_during_the_overlap_both_secrets_verify(
    backend: Backend, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    new = rotate(backend)
    backend.create()
    deliver()
    (one,) = receiver.wait_for(1)
    assert len(signatures(one)) == 2
    assert one.verify(new["webhook_secret"]) == one.verify(backend.webhook_secret)


def test_after_the_overlap_only_the_new_one_does(
    backend: Backend,
    pool: FakePool,
    functions: LocalFunctions,
    receiver: Receiver,
    deliver: StartDeliverer,
) -> None:
    new = rotate(backend, overlap_seconds=3600)
    with functions.services.database.transaction():  # two hours later
        rows(
            functions.services.database,
            "UPDATE workspaces SET webhook_secret_previous_until = '2000-01-01T00:00:00.000Z'",
        )
    backend.create()
    deliver()
    (one,) = receiver.wait_for(1)
    assert len(signatures(one)) == 1
    one.verify(new["webhook_secret"])
    with pytest.raises(WebhookVerificationError):
        one.verify(backend.webhook_secret)


def test_without_an_overlap_the_old_secret_ends_at_once(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    new = rotate(backend, overlap_seconds=0)
    assert new["previous_valid_until"] is None
    backend.create()
    deliver()
    (one,) = receiver.wait_for(1)
    assert len(signatures(one)) == 1
    one.verify(new["webhook_secret"])
    database = functions.services.database
    row = database.one("workspace_by_id", id=backend.workspace_id)
    assert row is not None
    assert backend.webhook_secret not in row.values()


def test_a_second_rotation_ends_the_overlap_of_the_first(
    backend: Backend, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    second, third = rotate(backend), rotate(backend)
    backend.create()
    deliver()
    (one,) = receiver.wait_for(1)
    assert len(signatures(one)) == 2
    one.verify(second["webhook_secret"])
    one.verify(third["webhook_secret"])
    with pytest.raises(WebhookVerificationError):
        one.verify(backend.webhook_secret)


def test_one_workspace_rotates_its_own_secret_only(
    functions: LocalFunctions, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    ours = functions.workspace("A", receiver.url("/a"))
    theirs = functions.workspace("B", receiver.url("/b"))
    rotate(theirs)
    ours.create()
    deliver()
    (one,) = receiver.wait_for(1)
    assert len(signatures(one)) == 1
    one.verify(ours.webhook_secret)


@pytest.mark.parametrize("overlap", [-1, 604_801, 1.5, "86400", True, None])
def test_an_overlap_is_from_none_to_seven_days(backend: Backend, overlap: object) -> None:
    response = backend.post(ROTATE, json={"overlap_seconds": overlap})
    assert response.status_code == 422
    assert [one["field"] for one in response.get_json()["errors"]] == ["overlap_seconds"]
