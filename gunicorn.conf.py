"""What `gunicorn 'functions.app:create_app()'` finds by itself when it is started here."""

from functions.gunicorn_conf import *  # noqa: F403
