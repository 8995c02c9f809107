# A node: browser pool and Chromium. From the clone:
#   docker build --file deploy/docker/pool.Dockerfile --tag linkpool-pool:latest .
# It runs with a read-only root, without capabilities and under deploy/seccomp/chromium.json: engines forbid the
# user namespaces of Chromium's sandbox otherwise, and the pool then refuses to start and says so.

FROM debian:bookworm-slim AS packages
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY requirements-pool.txt ./
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --require-hashes -r requirements-pool.txt

FROM debian:bookworm-slim
# Chromium has to be today's: its holes are known, and WhatsApp refuses old ones. So rebuild often; nothing is pinned.
# libatomic1 is for the Node that Playwright brings; unshare and setpriv are Debian's util-linux, always there.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates chromium-headless-shell fonts-dejavu-core libatomic1 python3 tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 linkpool \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/linkpool --shell /usr/sbin/nologin linkpool \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/linkpool
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/linkpool
# for deploy/kubernetes/seccomp: the profile that nodes get is the one that this release was tested under
COPY deploy/seccomp/chromium.json ./deploy/seccomp/chromium.json
COPY deploy/docker/probe.py ./deploy/docker/probe.py
COPY storage ./storage
COPY browser_pool ./browser_pool
RUN /opt/venv/bin/python -m compileall -q storage browser_pool
ENV PATH=/opt/venv/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/linkpool \
    DATA_DIR=/var/lib/linkpool/data
USER 10001:10001
EXPOSE 8100
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "deploy/docker/probe.py", "POOL", "/livez"]
# tini takes in the processes of browsers whose parent died; SIGTERM goes to the pool alone, which ends its browsers.
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "browser_pool"]
