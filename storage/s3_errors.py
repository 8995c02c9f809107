"""What an error of boto3 means for a store.

Rule: only NoSuchKey, in the body of an answer, is an absence. What is not known here is StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    InvalidConfigError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from urllib3.exceptions import HTTPError

from storage.objects import (
    ObjectMissing,
    PreconditionFailed,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    StoreUnsafe,
)

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN, if there is one)"
_BUCKET = "make the bucket, or correct SNAPSHOT_URL or S3_ENDPOINT_URL"
_REGION = "set AWS_DEFAULT_REGION to the region of the bucket, or correct S3_ENDPOINT_URL"
_RIGHTS = (
    "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket (for a versioned bucket also "
    "s3:DeleteObjectVersion and s3:ListBucketVersions) to the owner of AWS_ACCESS_KEY_ID"
)
_SPACE = "free space in the store, or raise its quota"

_REFUSED = {
    "AccessDenied": _RIGHTS,
    "AllAccessDisabled": _RIGHTS,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": _KEYS,
    "InvalidToken": _KEYS,
    "TokenRefreshRequired": _KEYS,
    "RequestTimeTooSkewed": "set the clock of this machine",
    "NoSuchBucket": _BUCKET,
    "InvalidBucketName": _BUCKET,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "EntityTooLarge": "let the store take objects of this size",
    "QuotaExceeded": _SPACE,
    "XMinioStorageFull": _SPACE,
    "XMinioAdminBucketQuotaExceeded": _SPACE,
}
"""Codes that stay until somebody changes something, with what to change."""

_REFUSED_STATUS = {301: _REGION, 401: _KEYS, 403: f"{_KEYS}; {_RIGHTS}", 507: _SPACE}
"""For answers without a body, as HEAD has them, and for codes that are not known."""

_ABSENCE_COUNTS = {"get", "size", "delete"}

_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound)


@contextmanager
def s3_errors(operation: str, key: str) -> Iterator[None]:
    """Turn every error of boto3 and of the connection below it into one of ours."""
    try:
        yield
    except ClientError as error:
        raise _answered(operation, key, error) from error
    except _CREDENTIALS as error:
        raise StoreRefused(operation, key, str(error), _KEYS) from error
    except (ParamValidationError, InvalidConfigError) as error:
        raise StoreRefused(operation, key, str(error), "correct SNAPSHOT_URL or the AWS settings") from error
    except NoRegionError as error:
        raise StoreRefused(operation, key, str(error), _REGION) from error
    except SSLError as error:
        hint = "does S3_ENDPOINT_URL speak TLS, with a certificate that this machine trusts?"
        raise StoreUnavailable(operation, key, str(error), hint) from error
    except (BotoCoreError, HTTPError, OSError, KeyError, ValueError) as error:
        why = f"no usable answer ({type(error).__name__}: {error})"
        raise StoreUnavailable(operation, key, why, "try again; is S3_ENDPOINT_URL right?") from error


def error_code(error: ClientError) -> str:
    """S3's own word for it; the status where there was no body."""
    return error.response.get("Error", {}).get("Code", "")


def status_of(error: ClientError) -> int:
    """The HTTP status."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _answered(operation: str, key: str, error: ClientError) -> StoreError:
    code, status = error_code(error), status_of(error)
    message = error.response.get("Error", {}).get("Message", "")
    why = f"the store answered {status} {code}: {message[:200]}"
    if code == "NoSuchKey" and operation in _ABSENCE_COUNTS:
        return ObjectMissing(operation, key, why, "was it deleted?")
    if operation == "put_if":
        # 404: there was nothing to match. 409: another conditional write was under way; ours was not done.
        if code in {"NoSuchKey", "ConditionalRequestConflict"} or status == 412:
            return PreconditionFailed(operation, key, why, "read it again")
        if status == 501:
            return StoreUnsafe(operation, key, why, "use a store that knows If-Match and If-None-Match")
    hint = _REFUSED.get(code) or _REFUSED_STATUS.get(status)
    if hint is not None:
        return StoreRefused(operation, key, why, hint)
    return StoreUnavailable(operation, key, why, "try again")
