# Functions and deliverer. From the clone:
#   docker build --file deploy/docker/functions.Dockerfile --tag linkpool-functions:latest .
# Other programs of the same image: python -m functions.deliver, python -m storage.cli.

FROM python:3.11-slim-bookworm AS packages
WORKDIR /build
COPY requirements-functions.txt ./
RUN python -m venv /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --require-hashes -r requirements-functions.txt

FROM python:3.11-slim-bookworm
# Debian removes a version from its archive with the next security update, so none is pinned here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 linkpool \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/linkpool --shell /usr/sbin/nologin linkpool \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/linkpool
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/linkpool
COPY templates ./templates
COPY docs/openapi.json ./docs/openapi.json
COPY deploy/docker/probe.py ./deploy/docker/probe.py
COPY storage ./storage
COPY functions ./functions
# The file system is read-only when it runs, so bytecode is made now.
RUN /opt/venv/bin/python -m compileall -q storage functions
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/linkpool \
    DATA_DIR=/var/lib/linkpool/data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "deploy/docker/probe.py", "FUNCTIONS", "/livez"]
# tini takes in what a killed process leaves behind; signals reach gunicorn through it.
ENTRYPOINT ["tini", "--"]
CMD ["gunicorn", "-c", "functions/gunicorn_conf.py", "functions.app:create_app()"]
