"""The manifests are what Kubernetes understands, and what they tell our processes is true of them."""

from __future__ import annotations

import base64
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from browser_pool.config import OnStop, PoolConfig
from browser_pool.control import OPEN, ControlApi
from deploy.env_files import read_env_file
from deploy.settings import ROOT
from functions.config import FunctionsConfig
from functions.openapi import DOCUMENT
from tests.deployment import (
    KUBERNETES,
    Yaml,
    container_of,
    documents,
    manifest,
    manifests,
    pod_environ,
    pod_of,
)
from tests.dockerfile import read_dockerfile

FUNCTIONS = manifest("Deployment", "linkpool-functions")
DELIVERER = manifest("Deployment", "linkpool-deliverer")
POOL = manifest("StatefulSet", "linkpool-pool")
WORKLOADS = {"functions": FUNCTIONS, "deliverer": DELIVERER, "pool": POOL}
SECCOMP = KUBERNETES / "seccomp" / "daemonset.yaml"
KEDA = KUBERNETES / "keda" / "pool.yaml"
SECRETS = {
    "POOL_SECRET": secrets.token_hex(32),
    "SECRET_KEY": secrets.token_hex(32),
    "SNAPSHOT_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    "DATABASE_URL": "postgresql://linkpool:secret@postgres:5432/linkpool",
}
SECRET = re.compile(r"SECRET|_KEY$|TOKEN|PASSWORD|DATABASE_URL")
NOT_KUBERNETES_OWN = {"kustomization.yaml", "keda/pool.yaml"}
MEBIBYTES = {"Mi": 1, "Gi": 1024}


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * MEBIBYTES[quantity[-2:]]


def environ(workload: Yaml, image: str) -> dict[str, str]:
    final = read_dockerfile(ROOT / "deploy" / "docker" / f"{image}.Dockerfile")[-1]
    return final.environ | SECRETS | pod_environ(workload, **{"metadata.name": "linkpool-pool-1"})


def test_kubernetes_knows_every_field() -> None:
    files = [
        path
        for path in KUBERNETES.rglob("*.yaml")
        if str(path.relative_to(KUBERNETES)) not in NOT_KUBERNETES_OWN
    ]
    assert len(files) > 5
    program = Path(sys.executable).with_name("kubernetes-validate")
    command = [program, "--strict", "--quiet", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_everything_is_applied_and_lands_in_its_namespace() -> None:
    (kustomization,) = documents(KUBERNETES / "kustomization.yaml")
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files
    for one in manifests():
        assert one["metadata"].get("namespace", one["metadata"]["name"]) == "linkpool"
    used = {container_of(workload)["image"].partition(":")[0] for workload in WORKLOADS.values()}
    assert {image["name"] for image in kustomization["images"]} == used


def test_every_name_is_a_setting() -> None:
    settings = set(read_env_file(ROOT / ".env.example"))
    told = {
        name for workload in WORKLOADS.values() for name in pod_environ(workload, **{"metadata.name": "x"})
    }
    assert {name for name in told if not name.startswith("AWS_")} <= settings


def test_no_secret_is_written_down() -> None:
    assert not [one for one in manifests() if one["kind"] == "Secret"]
    for workload in WORKLOADS.values():
        assert not [name for name in pod_environ(workload, **{"metadata.name": "x"}) if SECRET.search(name)]
        sources = container_of(workload)["envFrom"]
        assert [one["secretRef"]["name"] for one in sources if "secretRef" in one]


def test_functions_and_nodes_take_what_they_are_told() -> None:
    for workload in (FUNCTIONS, DELIVERER):
        FunctionsConfig.from_env(environ(workload, "functions"))
    node = PoolConfig.from_env(environ(POOL, "pool"))
    assert node.node_id == "linkpool-pool-1"
    assert node.pool_url == "http://linkpool-pool-1.linkpool-pool.linkpool.svc:8100"
    assert node.mirrored
    assert node.on_stop is OnStop.DRAIN


def test_names_and_ports_lead_to_the_processes() -> None:
    functions, pool = (manifest("Service", f"linkpool-{part}") for part in ("functions", "pool"))
    node = PoolConfig.from_env(environ(POOL, "pool"))
    assert (
        node.functions_url
        == f"http://linkpool-functions.linkpool.svc:{functions['spec']['ports'][0]['port']}"
    )
    assert container_of(FUNCTIONS)["ports"][0]["containerPort"] == 8000
    assert (
        container_of(POOL)["ports"][0]["containerPort"] == pool["spec"]["ports"][0]["port"] == node.pool_port
    )
    assert POOL["spec"]["serviceName"] == pool["metadata"]["name"]
    assert pool["spec"]["clusterIP"] == "None"
    assert pool["spec"]["publishNotReadyAddresses"]
    for service, workload in ((functions, FUNCTIONS), (pool, POOL)):
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
        assert service["spec"]["ports"][0]["targetPort"] == container_of(workload)["ports"][0]["name"]


def paths_of_a_node() -> set[str]:
    unread = cast(Any, None)
    api = ControlApi(unread, unread, unread, unread, unread, guard=unread, data_dir=unread)
    router = api.application().router
    return {resource.canonical for resource in router.resources()}


def test_probes_ask_what_is_answered_without_a_secret() -> None:
    for probe, wanted in (
        ("startupProbe", "/livez"),
        ("livenessProbe", "/livez"),
        ("readinessProbe", "/readyz"),
    ):
        asked = container_of(FUNCTIONS)[probe]["httpGet"]["path"]
        assert asked == wanted
        assert f'"{asked}"' in DOCUMENT.read_text()
        asked = container_of(POOL)[probe]["httpGet"]["path"].partition("?")[0]
        assert asked == wanted
        assert asked in OPEN & paths_of_a_node()
    assert container_of(POOL)["readinessProbe"]["httpGet"]["path"].endswith("?full=ready")


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=WORKLOADS)
def test_what_runs_is_confined(workload: Yaml) -> None:
    pod, walls = pod_of(workload), container_of(workload)["securityContext"]
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (10001, True)
    assert pod["securityContext"]["seccompProfile"]["type"] in {"RuntimeDefault", "Localhost"}
    assert not pod["automountServiceAccountToken"]
    assert walls["readOnlyRootFilesystem"]
    assert not walls["allowPrivilegeEscalation"]
    assert walls["capabilities"] == {"drop": ["ALL"]}
    assert {mount["mountPath"] for mount in container_of(workload)["volumeMounts"]} >= {"/tmp"}
    assert manifest("PodDisruptionBudget", workload["metadata"]["name"])["spec"]["maxUnavailable"] == 1


def test_the_browsers_sandbox_has_its_profile_where_kubelet_looks() -> None:
    profile = pod_of(POOL)["securityContext"]["seccompProfile"]["localhostProfile"]
    (daemonset,) = documents(SECCOMP)
    (install,) = pod_of(daemonset)["initContainers"]
    source, target = install["command"][-2:]
    assert target == f"{install['volumeMounts'][0]['mountPath']}/{profile}"
    assert pod_of(daemonset)["volumes"][0]["hostPath"]["path"] == "/var/lib/kubelet/seccomp"
    workdir = read_dockerfile(ROOT / "deploy" / "docker" / "pool.Dockerfile")[-1].last("WORKDIR").text
    assert (ROOT / Path(source).relative_to(workdir)).is_file()


def test_browsers_fit_into_the_pod() -> None:
    node = PoolConfig.from_env(environ(POOL, "pool"))
    limit = mebibytes(container_of(POOL)["resources"]["limits"]["memory"])
    budget = node.memory.budget // 2**20
    assert node.max_slots * 170 <= budget <= limit * 0.8
    (shm,) = [one["emptyDir"] for one in pod_of(POOL)["volumes"] if one["name"] == "shm"]
    assert mebibytes(shm["sizeLimit"]) >= 512


def test_nodes_are_replaced_one_by_one_and_in_time() -> None:
    assert POOL["spec"]["podManagementPolicy"] == "Parallel"
    assert pod_of(POOL)["terminationGracePeriodSeconds"] >= 90
    assert pod_of(FUNCTIONS)["terminationGracePeriodSeconds"] > 15 + 5


def rules(name: str) -> str:
    return str(manifest("NetworkPolicy", name)["spec"]["egress"])


def test_a_node_reaches_neither_the_registry_nor_the_clouds_metadata() -> None:
    nothing = manifest("NetworkPolicy", "nothing")["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert "5432" not in rules("pool")
    for name in ("pool", "deliverer"):
        assert "169.254.0.0/16" in rules(name)
        assert "192.168.0.0/16" in rules(name)
    assert "0.0.0.0/0" not in rules("functions")


def test_nodes_are_counted_by_a_metric_that_they_have() -> None:
    (scaler,) = documents(KEDA)
    (trigger,) = scaler["spec"]["triggers"]
    vitals = (ROOT / "browser_pool" / "vitals.py").read_text()
    for metric, state in re.findall(r'(\w+)\{state="(\w+)"\}', trigger["metadata"]["query"]):
        assert f'"{metric}"' in vitals
        assert f'"{state}":' in vitals
    assert scaler["spec"]["scaleTargetRef"]["name"] == POOL["metadata"]["name"]
    assert trigger["metadata"]["threshold"] == pod_environ(POOL, **{"metadata.name": "x"})["MAX_SLOTS"]
    down = scaler["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 600}]
