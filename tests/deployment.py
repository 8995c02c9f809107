"""What the files of deploy/ tell each process: environments of compose's services and of Kubernetes' pods."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.settings import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
COMPOSE = ROOT / "deploy" / "compose.yaml"
Yaml = dict[str, Any]

_REFERENCE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?:(:-|:\?)([^}]*))?\}")


def documents(path: Path) -> list[Yaml]:
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one is not None]


def manifests() -> list[Yaml]:
    """Everything that `kubectl apply --kustomize deploy/kubernetes` sends."""
    (kustomization,) = documents(KUBERNETES / "kustomization.yaml")
    return [one for name in kustomization["resources"] for one in documents(KUBERNETES / name)]


def manifest(kind: str, name: str) -> Yaml:
    (found,) = [one for one in manifests() if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def pod_of(workload: Yaml) -> Yaml:
    pod: Yaml = workload["spec"]["template"]["spec"]
    return pod


def container_of(workload: Yaml) -> Yaml:
    (container,) = pod_of(workload)["containers"]
    return container


def pod_environ(workload: Yaml, **pod: str) -> dict[str, str]:
    """As kubelet puts it together, without the secrets; `pod` is what the pod knows of itself."""
    container, environ = container_of(workload), {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            environ |= manifest("ConfigMap", source["configMapRef"]["name"])["data"]
    for one in container.get("env", []):
        told = pod[one["valueFrom"]["fieldRef"]["fieldPath"]] if "valueFrom" in one else one["value"]
        environ[one["name"]] = re.sub(r"\$\((\w+)\)", lambda match: environ[match[1]], told)
    return environ


def references(value: object) -> dict[str, tuple[str, str]]:
    """name → (operator, word) of every ${…} in it."""
    return {name: (operator, word) for name, operator, word in _REFERENCE.findall(str(value))}


def filled(value: object, given: Mapping[str, str]) -> str:
    """As compose fills it in, from what .env says."""

    def fill(match: re.Match[str]) -> str:
        told = given.get(match[1], "")
        return told or (match[3] if match[2] == ":-" else "")

    return _REFERENCE.sub(fill, str(value))
