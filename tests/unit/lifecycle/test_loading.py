"""`MODULE:APP` to an app, and one sentence for each way to fail."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework import App
from framework.errors import AppImportError, AppNotFoundError, FrameworkError, SettingsError
from framework.exit_codes import ExitCode
from framework.lifecycle.loading import load_app

APP = "from framework import App\napp = App('shop')\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder to load from; what was loaded from it is forgotten afterwards."""
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)) or name.startswith("shop"):
            del sys.modules[name]


def write(folder: Path, **modules: str) -> None:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


def refused(target: str, folder: Path) -> FrameworkError:
    with pytest.raises(FrameworkError) as caught:
        load_app(target, folder)
    assert "\n" not in str(caught.value)
    return caught.value


def test_module_and_attribute(folder: Path) -> None:
    write(folder, shop_a=APP + "other = App('other')\n")
    assert load_app("shop_a:app", folder).id == "shop"
    assert load_app("shop_a:other", folder).id == "other"
    assert isinstance(load_app("shop_a", folder), App)


def test_module_deep_in_a_package(folder: Path) -> None:
    deep = folder / "shop_deep" / "streams" / "orders"
    deep.mkdir(parents=True)
    for package in (deep, deep.parent, deep.parent.parent):
        (package / "__init__.py").touch()
    (deep / "main.py").write_text("from framework import App\nclass here:\n    app = App('deep')\n")
    assert load_app("shop_deep.streams.orders.main:here.app", folder).id == "deep"


def test_the_folder_comes_before_what_is_installed(folder: Path) -> None:
    write(folder, shop_first=APP)
    load_app("shop_first:app", folder)
    assert sys.path[0] == str(folder)
    load_app("shop_first:app", folder)
    assert sys.path.count(str(folder)) == 1


@pytest.mark.parametrize(
    "target",
    ["", ":", ":app", "shop/app.py", "shop.py:app:again", "shop..x:app", "shop:a-b", "1shop:app", "shop:app()"],
)
def test_wrong_syntax(target: str, folder: Path) -> None:
    error = refused(target, folder)
    assert isinstance(error, AppNotFoundError)
    assert "write MODULE:APP, such as" in str(error)


def test_no_such_module(folder: Path) -> None:
    error = refused("shop_missing:app", folder)
    assert isinstance(error, AppNotFoundError)
    assert error.exit_code is ExitCode.APP_NOT_FOUND
    assert "no module 'shop_missing'" in str(error)
    assert str(folder) in str(error)


def test_no_such_module_in_a_package(folder: Path) -> None:
    (folder / "shop_package").mkdir()
    (folder / "shop_package" / "__init__.py").touch()
    error = refused("shop_package.missing.app:app", folder)
    assert isinstance(error, AppNotFoundError)
    assert "'shop_package.missing'" in str(error)


def test_no_such_attribute_names_those_there_are(folder: Path) -> None:
    write(folder, shop_names=APP + "second = App('second')\n")
    error = refused("shop_names:aqq", folder)
    assert isinstance(error, AppNotFoundError)
    assert "has no 'aqq'. It has shop_names:app, shop_names:second." in str(error)


def test_no_app_at_all(folder: Path) -> None:
    write(folder, shop_empty="x = 1\n")
    assert str(refused("shop_empty:app", folder)) == "The module 'shop_empty' has no 'app'."
    assert "is a int, not an App." in str(refused("shop_empty:x", folder))


def test_app_of_plain_faust(folder: Path) -> None:
    write(folder, shop_plain="import faust\napp = faust.App('plain')\n")
    error = refused("shop_plain:app", folder)
    assert isinstance(error, AppNotFoundError)
    assert "import App from framework instead" in str(error)


@pytest.mark.parametrize(
    ("body", "kind", "line"),
    [
        ("x = 1\nraise ValueError('no disk')\n", "ValueError", 2),
        ("\n\nimport sys; sys.exit(3)\n", "SystemExit", 3),
        ("def broken():\n    return 1 / 0\nbroken()\n", "ZeroDivisionError", 2),
        ("import shop_not_installed\n", "ModuleNotFoundError", 1),
        ("from framework import Ap\n", "ImportError", 1),
    ],
    ids=["raises", "exits", "raises deeper", "imports what is missing", "imports a name that is missing"],
)
def test_module_that_fails_names_the_line(body: str, kind: str, line: int, folder: Path) -> None:
    write(folder, shop_broken=body)
    error = refused("shop_broken:app", folder)
    assert isinstance(error, AppImportError)
    assert error.exit_code is ExitCode.APP_IMPORT_FAILED
    assert f"raised {kind} at {folder / 'shop_broken.py'}:{line} while it was imported" in str(error)
    assert error.__cause__ is not None


def test_module_with_a_syntax_error(folder: Path) -> None:
    write(folder, shop_syntax="def app(:\n")
    error = refused("shop_syntax:app", folder)
    assert isinstance(error, AppImportError)
    assert "SyntaxError" in str(error)
    assert "shop_syntax.py, line 1" in str(error)


def test_missing_part_of_the_apps_own_package_is_the_apps_fault(folder: Path) -> None:
    (folder / "shop_half").mkdir()
    (folder / "shop_half" / "__init__.py").write_text("import shop_half.gone\n")
    assert isinstance(refused("shop_half:app", folder), AppImportError)


def test_what_the_framework_says_about_the_app_is_passed_on(folder: Path) -> None:
    write(folder, shop_option="from framework import App\napp = App('shop', brokr='x')\n")
    error = refused("shop_option:app", folder)
    assert isinstance(error, SettingsError)


def test_interrupt_while_importing_is_not_swallowed(folder: Path) -> None:
    write(folder, shop_slow="raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load_app("shop_slow:app", folder)
