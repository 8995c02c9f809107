"""Registry of companion devices. A device is its signing key: who signs our nonce with it, and knows the
secret that was written to localStorage when it was linked, is that device."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


class DeviceLimit(Exception):
    """The phone already has as many linked devices as it may have."""


@dataclass
class Device:
    id: str  # the identity public key, as it stands in the QR
    signing_key: str  # uncompressed P-256 point, base64
    phone_number: str
    pushname: str
    secret: str
    linked: bool = True


def signed_by(signing_key: str, message: str, signature: str) -> bool:
    """Whether a page signed `message` with this key, in WebCrypto's form: r and s, 32 bytes each."""
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.b64decode(signing_key))
        raw = base64.b64decode(signature)
        r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
        key.verify(encode_dss_signature(r, s), message.encode(), ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


class Devices:
    def __init__(self, state_dir: Path | None) -> None:
        self._file = state_dir / "devices.json" if state_dir else None
        self._devices: dict[str, Device] = {}
        if self._file and self._file.exists():
            self._devices = {row["id"]: Device(**row) for row in json.loads(self._file.read_text())}

    def get(self, device_id: str) -> Device | None:
        return self._devices.get(device_id)

    def all(self) -> list[Device]:
        return list(self._devices.values())

    def of_phone(self, number: str) -> list[Device]:
        return [device for device in self._devices.values() if device.phone_number == number]

    def room_for(self, number: str, limit: int) -> None:
        linked = sum(device.linked for device in self.of_phone(number))
        if linked >= limit:
            raise DeviceLimit(f"{linked} devices are linked already; remove one on the phone first")

    def link(self, device_id: str, signing_key: str, number: str, pushname: str, limit: int) -> Device:
        self.room_for(number, limit)
        device = Device(
            id=device_id,
            signing_key=signing_key,
            phone_number=number,
            pushname=pushname,
            secret=secrets.token_urlsafe(24),
        )
        self._devices[device_id] = device
        self._save()
        return device

    def unlink(self, device: Device) -> None:
        device.linked = False
        self._save()

    def _save(self) -> None:
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".tmp")
        draft.write_text(json.dumps([asdict(device) for device in self._devices.values()]))
        os.replace(draft, self._file)  # noqa: PTH105 - the atomic rename is the point
