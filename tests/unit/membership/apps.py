"""Apps that never meet a broker, for tests of the membership."""

from framework import App, Settings

URL = "http://w-0.flights:6066"


def offline_app(instance_id: str | None = "w-0", *, url: str = URL, **settings: object) -> App:
    """An app of the group `flights` with the identity that it would be given at its start."""
    app = App("flights", settings=Settings.load(environ={}, env_file=None, **settings))
    app.conf.consumer_group_instance_id = instance_id
    app.conf.canonical_url = url
    return app
