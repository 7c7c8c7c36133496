"""`python -m app`: check the settings, then serve the dashboard. Arguments are passed on to `streamlit run`.

An invalid setting ends it at once, with status 2 and a line that names the setting: a mistyped limit must not go
unnoticed. Run it from the repository's root, where Streamlit's own settings are.
"""

import os
import sys
from pathlib import Path

from streamlit.web.cli import main as streamlit

from app.hosting import logs, metrics, warm_up
from app.hosting.settings import Settings, check_model_settings
from app.hosting.static_files import publish_circuitsvis
from cache.environment import SettingsError

_SHORTEST_SECRET = 32


def main(arguments: list[str]) -> int:
    """Serve until stopped; return the exit status."""
    try:
        settings = Settings.from_environment(os.environ)
        check_model_settings(os.environ)
        _share_cookie_secret()
        logs.configure(errors_in_full=settings.log_errors_in_full)
        if settings.metrics_port:
            _serve_metrics(settings)
    except SettingsError as error:
        print(f"The app was not started: {error}.", file=sys.stderr)
        return 2
    publish_circuitsvis()
    logs.log_event("start", **settings.in_words())
    warm_up.in_background()
    return int(streamlit(["run", str(Path(__file__).parent / "main.py"), *arguments], standalone_mode=False) or 0)


def _share_cookie_secret() -> None:
    """Pass IOI_COOKIE_SECRET to Streamlit, which makes one up otherwise; replicas must have the same one."""
    if secret := os.environ.get("IOI_COOKIE_SECRET", "").strip():
        if len(secret) < _SHORTEST_SECRET:
            raise SettingsError(f"IOI_COOKIE_SECRET is short: {_SHORTEST_SECRET} characters or more are allowed")
        os.environ["STREAMLIT_SERVER_COOKIE_SECRET"] = secret


def _serve_metrics(settings: Settings) -> None:
    try:
        metrics.serve(settings.metrics_address, settings.metrics_port)
    except OSError as error:
        place = f"{settings.metrics_address}, port {settings.metrics_port}"
        raise SettingsError(f"metrics cannot be served at {place} ({error.strerror})") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
