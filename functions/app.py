"""Composition root of the functions: `gunicorn 'functions.app:create_app()'`.

Rule: the only place here that reads the environment and that knows every part.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields

from flask import Flask

from functions.audit_routes import audit_routes
from functions.chat_routes import chat_routes
from functions.chat_sync import ChatSync
from functions.config import FunctionsConfig
from functions.core_services import make_core
from functions.delivery_routes import delivery_routes
from functions.device_removal import DeviceRemoval
from functions.diagnoses import Diagnoses
from functions.docs_routes import docs_routes
from functions.event_intake import EventIntake
from functions.event_routes import event_routes
from functions.frame import make_frame
from functions.health import health_routes
from functions.key_routes import key_routes
from functions.node_reports import NodeReports
from functions.node_routes import node_routes
from functions.ops_routes import ops_routes, show_login
from functions.pages import pages_blueprint
from functions.placer import Placer
from functions.pool_client import PoolClient
from functions.services import Services
from functions.session_routes import session_routes
from functions.sessions import Sessions
from functions.stream_places import StreamPlaces, places_path
from functions.timeline_routes import timeline_routes
from functions.webhook_routes import webhook_routes
from functions.workspace_routes import workspace_routes
from storage import logs
from storage.clock import Clock, SystemClock
from storage.database import Database, bring_up_to_date, open_database
from storage.endpoints import Endpoints
from storage.operations import Operations
from storage.replays import Replays


def make_services(
    config: FunctionsConfig,
    clock: Clock,
    database: Database | None = None,
    *,
    on_owed: Callable[[], None] = lambda: None,
) -> Services:
    """Every part, wired. The registry is opened and brought up to date first, unless an open one is given."""
    if database is None:
        database = open_database(config.database_url, keys=config.number_keys)
        try:
            bring_up_to_date(database, config.number_keys)
        except BaseException:
            database.close()
            raise
    core = make_core(config, clock, database, on_owed=on_owed)
    registry = core.registry
    pool = PoolClient(config.pool_secret, clock=clock, tls=config.tls)
    devices = DeviceRemoval(registry.sessions, pool)
    intake = EventIntake(database, registry, devices, core.audit, core.metrics)
    placer = Placer(registry, core.nodes, config.lease_ttl, config.placement)
    sessions = Sessions(
        database=database,
        registry=registry,
        intake=intake,
        workspaces=core.workspaces,
        nodes=core.nodes,
        placer=placer,
        pool=pool,
        links=core.links,
        clock=clock,
    )
    node_reports = NodeReports(
        registry=registry,
        intake=intake,
        nodes=core.nodes,
        placer=placer,
        clock=clock,
        lease_ttl=config.lease_ttl,
    )
    return Services(
        **{field.name: getattr(core, field.name) for field in fields(core)},
        sessions=sessions,
        chat_sync=ChatSync(registry=registry, sessions=sessions, pool=pool),
        devices=devices,
        diagnoses=Diagnoses(core.nodes, pool),
        node_reports=node_reports,
        stream_places=StreamPlaces(places_path(config.database_url)),
        endpoints=Endpoints(database, clock),
        replays=Replays(database, clock),
        operations=Operations(database, clock),
    )


def make_app(services: Services) -> Flask:
    """All routes over these services."""
    app = make_frame(services)
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
    app.register_blueprint(pages_blueprint(services, services.sessions))
    app.register_blueprint(health_routes(services))
    app.register_blueprint(docs_routes(services))
    app.register_blueprint(ops_routes(services))
    show_login(app)
    return app


def create_app() -> Flask:
    """For gunicorn. Raises ConfigError."""
    logs.configure(level=os.environ.get("LOG_LEVEL"))
    return make_app(make_services(FunctionsConfig.from_env(os.environ), SystemClock()))
