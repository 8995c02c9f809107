"""Composition root of the functions: `gunicorn 'functions.app:create_app()'`.

Rule: the only place here that reads the environment and that knows every part.
"""

from __future__ import annotations

import os
from typing import assert_never

from flask import Flask, Response, g, request
from flask.json.provider import DefaultJSONProvider
from ulid import ULID

from functions.audit_routes import audit_routes
from functions.audit_trail import keep_audit_trail
from functions.auth import require_guard
from functions.bodies import MAX_BODY_BYTES
from functions.chat_routes import chat_routes
from functions.chat_sync import ChatSync
from functions.client_address import ClientAddress
from functions.config import FunctionsConfig, LimitsKept
from functions.delivery_routes import delivery_routes
from functions.device_removal import DeviceRemoval
from functions.docs_routes import docs_routes
from functions.event_intake import EventIntake
from functions.event_routes import event_routes
from functions.header_limits import check_headers
from functions.health import health_routes
from functions.key_routes import key_routes
from functions.limit_guard import limit_requests
from functions.limit_state import LimitState, RegistryLimits
from functions.limit_table import LimitTable
from functions.limits import Limits
from functions.links import Links
from functions.metrics import open_metrics
from functions.node_reports import NodeReports
from functions.node_routes import node_routes
from functions.ops_login import OpsLogin
from functions.ops_routes import ops_routes, show_login
from functions.pages import pages_blueprint
from functions.placer import Placer
from functions.pool_client import PoolClient
from functions.problems import answer_with_problems
from functions.request_log import log_requests
from functions.services import Services
from functions.session_routes import session_routes
from functions.sessions import Sessions
from functions.stream_places import StreamPlaces, places_path
from functions.timeline_routes import timeline_routes
from functions.webhook_routes import webhook_routes
from functions.workspace_routes import workspace_routes
from storage import logs
from storage.audit import AuditLog
from storage.clock import Clock, SystemClock
from storage.database import Database, bring_up_to_date, open_database
from storage.deliveries import Deliveries
from storage.endpoints import Endpoints
from storage.limit_rows import LimitRows
from storage.nodes import Nodes
from storage.operations import Operations
from storage.registry import Registry
from storage.registry_metrics import RegistryMetrics
from storage.replays import Replays
from storage.workspaces import Workspaces


def make_services(config: FunctionsConfig, clock: Clock) -> Services:
    """Every part, wired; the registry is brought up to date first."""
    database = open_database(config.database_url)
    bring_up_to_date(database)
    workspaces, nodes = Workspaces(database, clock), Nodes(database, clock)
    deliveries = Deliveries(database, clock)
    registry = Registry(database, clock, deliveries)
    links = Links(
        registry.sessions,
        clock,
        secret_keys=config.secret_keys,
        public_url=config.public_url,
        ttl=config.link_ttl,
    )
    pool = PoolClient(config.pool_secret, clock=clock, tls=config.tls)
    devices = DeviceRemoval(registry.sessions, pool)
    audit = AuditLog(database, clock)
    metrics = open_metrics(config.metrics_token)
    intake = EventIntake(database, registry, devices, audit, metrics)
    placer = Placer(registry, nodes, config.lease_ttl, config.placement)
    sessions = Sessions(
        database=database,
        registry=registry,
        intake=intake,
        workspaces=workspaces,
        nodes=nodes,
        placer=placer,
        pool=pool,
        links=links,
        clock=clock,
    )
    node_reports = NodeReports(
        registry=registry,
        intake=intake,
        nodes=nodes,
        placer=placer,
        clock=clock,
        lease_ttl=config.lease_ttl,
    )
    return Services(
        config=config,
        clock=clock,
        database=database,
        workspaces=workspaces,
        registry=registry,
        sessions=sessions,
        chat_sync=ChatSync(registry=registry, sessions=sessions, pool=pool),
        devices=devices,
        limits=Limits(
            _limit_state(config, database), config.limits, ClientAddress(config.trusted_proxies), clock
        ),
        links=links,
        nodes=nodes,
        node_reports=node_reports,
        deliveries=deliveries,
        stream_places=StreamPlaces(places_path(config.database_url)),
        endpoints=Endpoints(database, clock),
        replays=Replays(database, clock),
        audit=audit,
        metrics=metrics,
        registry_metrics=RegistryMetrics(database, registry.sessions, nodes, clock),
        operations=Operations(database, clock),
        ops_login=OpsLogin(config.ops_token, config.secret_key),
    )


def _limit_state(config: FunctionsConfig, database: Database) -> LimitState | None:
    match config.limits_state:
        case LimitsKept.FILE:
            places = places_path(config.database_url)
            beside = places.with_name(places.name.replace("-streams", "-limits"))
            return LimitTable(config.limits_file or beside)
        case LimitsKept.REGISTRY:
            return RegistryLimits(LimitRows(database))
        case LimitsKept.OFF:
            return None
        case _:
            assert_never(config.limits_state)


def make_app(services: Services) -> Flask:
    """The routes over these services."""
    app = Flask("functions", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    assert isinstance(app.json, DefaultJSONProvider)
    app.json.sort_keys = False  # in the order in which the documents show it
    app.before_request(_take_request_id)
    log_requests(app, services.clock, services.metrics)
    config = services.config
    app.before_request(lambda: check_headers(config.header_max_bytes, config.header_max_fields))
    limit_requests(app, services.limits)
    app.before_request(lambda: require_guard(services))
    keep_audit_trail(app, services)
    app.after_request(_give_request_id)
    answer_with_problems(app)
    app.register_blueprint(session_routes(services))
    app.register_blueprint(timeline_routes(services))
    app.register_blueprint(chat_routes(services))
    app.register_blueprint(delivery_routes(services))
    app.register_blueprint(event_routes(services))
    app.register_blueprint(webhook_routes(services))
    app.register_blueprint(key_routes(services))
    app.register_blueprint(workspace_routes(services))
    app.register_blueprint(audit_routes(services))
    app.register_blueprint(node_routes(services))
    app.register_blueprint(pages_blueprint(services))
    app.register_blueprint(health_routes(services))
    app.register_blueprint(docs_routes(services))
    app.register_blueprint(ops_routes(services))
    show_login(app)
    app.extensions["linkpool"] = services
    return app


def _take_request_id() -> None:
    """The caller's own id when it is harmless, so that both logs can be laid side by side."""
    given = logs.harmless_request_id(request.headers.get(logs.REQUEST_ID_HEADER))
    g.request_id = given or str(ULID())
    logs.REQUEST_ID.set(g.request_id)


def _give_request_id(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def create_app() -> Flask:
    """For gunicorn. Raises ConfigError."""
    logs.configure(level=os.environ.get("LOG_LEVEL"))
    return make_app(make_services(FunctionsConfig.from_env(os.environ), SystemClock()))
