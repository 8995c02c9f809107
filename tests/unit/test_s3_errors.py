"""What an answer of S3 means: an absence only where S3 says so."""

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from urllib3.exceptions import ProtocolError

from storage.objects import (
    ObjectMissing,
    PreconditionFailed,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    StoreUnsafe,
)
from storage.s3_errors import s3_errors

OPERATIONS = ("get", "size", "list", "put", "put_if", "delete")


def meaning(operation: str, error: Exception) -> StoreError:
    with pytest.raises(StoreError) as told, s3_errors(operation, "some/key"):
        raise error
    assert str(told.value).startswith(f"{operation} some/key: ")
    return told.value


def answer(status: int, code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "because"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "Operation",
    )


@pytest.mark.parametrize("operation", ["get", "size", "delete"])
def test_no_such_key_is_an_absence(operation: str) -> None:
    assert type(meaning(operation, answer(404, "NoSuchKey"))) is ObjectMissing


@pytest.mark.parametrize(("operation", "expected"), [("put", StoreUnavailable), ("list", StoreUnavailable)])
def test_no_such_key_where_none_was_asked_for_is_a_broken_answer(
    operation: str, expected: type[StoreError]
) -> None:
    assert type(meaning(operation, answer(404, "NoSuchKey"))) is expected


@pytest.mark.parametrize(
    ("status", "code"),
    [(412, "PreconditionFailed"), (412, ""), (409, "ConditionalRequestConflict"), (404, "NoSuchKey")],
)
def test_a_conditional_write_that_was_not_done_says_so(status: int, code: str) -> None:
    assert type(meaning("put_if", answer(status, code))) is PreconditionFailed


def test_a_store_that_does_not_know_conditions_is_unsafe() -> None:
    assert type(meaning("put_if", answer(501, "NotImplemented"))) is StoreUnsafe


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "code", "setting"),
    [
        (404, "NoSuchBucket", "SNAPSHOT_URL"),
        (400, "InvalidBucketName", "SNAPSHOT_URL"),
        (403, "AccessDenied", "s3:PutObject"),
        (403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        (400, "ExpiredToken", "AWS_SESSION_TOKEN"),
        (403, "RequestTimeTooSkewed", "clock"),
        (403, "403", "AWS_ACCESS_KEY_ID"),
        (403, "SomethingNew", "AWS_ACCESS_KEY_ID"),
        (401, "Unauthorized", "AWS_ACCESS_KEY_ID"),
        (301, "PermanentRedirect", "AWS_DEFAULT_REGION"),
        (400, "AuthorizationHeaderMalformed", "AWS_DEFAULT_REGION"),
        (507, "XMinioStorageFull", "free space"),
    ],
)
def test_what_lasts_until_somebody_acts_names_what_to_change(
    operation: str, status: int, code: str, setting: str
) -> None:
    refused = meaning(operation, answer(status, code))
    assert type(refused) is StoreRefused
    assert setting in str(refused)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "error",
    [
        answer(500, "InternalError"),
        answer(503, "SlowDown"),
        answer(503, "503"),
        answer(404, "404"),
        answer(404, "Not Found"),
        answer(400, "RequestTimeout"),
        answer(418, "SomethingNew"),
        answer(200, ""),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
        ConnectionClosedError(endpoint_url="http://127.0.0.1:1"),
        SSLError(endpoint_url="https://127.0.0.1:1", error="certificate"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ResponseStreamingError(error="cut"),
        BotoCoreError(),
        ProtocolError("cut"),
        ConnectionResetError("reset"),
        KeyError("ContentLength"),
    ],
    ids=repr,
)
def test_everything_else_is_worth_another_try_and_never_an_absence(operation: str, error: Exception) -> None:
    assert type(meaning(operation, error)) is StoreUnavailable


@pytest.mark.parametrize("error", [NoCredentialsError(), ParamValidationError(report="bucket")], ids=repr)
def test_what_never_left_this_machine_is_refused(error: Exception) -> None:
    assert type(meaning("get", error)) is StoreRefused
