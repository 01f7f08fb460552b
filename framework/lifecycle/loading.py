"""`MODULE:APP` to an `App`; each way to fail has a sentence of its own."""

import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from framework.errors import AppImportError, AppNotFoundError, FrameworkError

if TYPE_CHECKING:
    from framework.app import App


def load_app(target: str, folder: str | Path = ".") -> "App":
    """Import the module and return its app.

    Args:
        target: `package.module:attribute`; the attribute defaults to `app`.
        folder: searched before everything else, as Python does with a script's folder.

    Raises:
        AppNotFoundError: there is no such module or attribute, or it is not an `App`.
        AppImportError: the module raised an exception of its own.
    """
    module_name, _, attribute = target.partition(":")
    attribute = attribute or "app"
    if not all(part.isidentifier() for part in [*module_name.split("."), *attribute.split(".")]):
        raise AppNotFoundError(f"{target!r} does not name an app: write MODULE:APP, such as apps.flights:app.")
    module = _import(module_name, str(Path(folder).resolve()))
    return _app_in(module, attribute)


def _import(name: str, folder: str) -> ModuleType:
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except FrameworkError:
        raise
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(f"{exc.name}.")):
            raise AppNotFoundError(
                f"There is no module {exc.name!r} in {folder} or on the Python path. Run the command in the folder that"
                f" holds it, or install it."
            ) from exc
        raise _import_error(name, exc) from exc
    except (Exception, SystemExit) as exc:
        raise _import_error(name, exc) from exc


def _import_error(name: str, exc: BaseException) -> AppImportError:
    # The innermost frame outside the import machinery is the line of the app that a person has to look at.
    frames = [frame for frame in traceback.extract_tb(exc.__traceback__) if not frame.filename.startswith("<frozen")]
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return AppImportError(
        f"The app's module {name!r} raised {type(exc).__name__}{where} while it was imported: {exc}. Mend the app, or"
        " run with --debug to see the traceback."
    )


def _app_in(module: ModuleType, attribute: str) -> "App":
    import faust

    from framework.app import App

    apps = sorted(name for name, value in vars(module).items() if isinstance(value, App))
    found: object = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if isinstance(found, App):
        return found
    has = f" It has {', '.join(f'{module.__name__}:{name}' for name in apps)}." if apps else ""
    if isinstance(found, faust.App):
        raise AppNotFoundError(
            f"{module.__name__}:{attribute} is an app of plain Faust: import App from framework instead."
        )
    if found is None:
        raise AppNotFoundError(f"The module {module.__name__!r} has no {attribute!r}.{has}")
    raise AppNotFoundError(f"{module.__name__}:{attribute} is a {type(found).__name__}, not an App.{has}")
