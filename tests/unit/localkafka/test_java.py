"""Finding Java, Maven and the jars, and the sentences when they are not there."""

import threading
from pathlib import Path

import pytest

from framework.errors import JavaMissingError, LocalKafkaError
from framework.exit_codes import ExitCode
from framework.localkafka.java import POM, Tools, fetch_jars, find_java, find_runtime, kafka_version, parse_java_version


def executable(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def fake_java(folder: Path, version: str) -> Path:
    return executable(folder / "java", f"echo 'openjdk version \"{version}\"' >&2")


MAVEN_THAT_WORKS = """
echo run >> "{folder}/runs"
for argument; do case $argument in -DoutputDirectory=*) echo jar > "${{argument#*=}}/kafka_2.13-1.jar";; esac; done
"""


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ('openjdk version "25-ea" 2025-09-16', 25),
        ('Picked up JAVA_TOOL_OPTIONS: -Da=b\nopenjdk version "11.0.2"', 11),
        ("Error: could not find libjava.so", None),
    ],
)
def test_java_version_is_read(said: str, version: int | None) -> None:
    assert parse_java_version(said) == version


def test_missing_java_says_what_to_install() -> None:
    with pytest.raises(JavaMissingError, match=r"apt install openjdk-17-jre-headless maven") as raised:
        find_runtime(Tools(path=""))
    assert raised.value.exit_code == ExitCode.JAVA_MISSING
    assert "\n" not in str(raised.value)


def test_old_java_is_named_with_its_version(tmp_path: Path) -> None:
    java = fake_java(tmp_path, "11.0.2")
    with pytest.raises(JavaMissingError, match=rf"{java} is Java 11\."):
        find_java(Tools(path=str(tmp_path)))


def test_java_home_is_preferred_and_named_when_empty(tmp_path: Path) -> None:
    fake_java(tmp_path / "old", "1.8.0_402")
    java = fake_java(tmp_path / "home" / "bin", "21")
    assert find_java(Tools(java_home=tmp_path / "home", path=str(tmp_path / "old"))) == java
    with pytest.raises(JavaMissingError, match="JAVA_HOME"):
        find_java(Tools(java_home=tmp_path / "nothing", path=str(tmp_path / "old")))


def test_missing_maven_says_so(tmp_path: Path) -> None:
    fake_java(tmp_path, "17")
    with pytest.raises(JavaMissingError, match="no mvn was found"):
        find_runtime(Tools(path=str(tmp_path), cache=tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()


def test_kafka_home_needs_no_maven(tmp_path: Path) -> None:
    fake_java(tmp_path, "17")
    (tmp_path / "kafka" / "libs").mkdir(parents=True)
    (tmp_path / "kafka" / "libs" / "kafka_2.13-4.3.1.jar").touch()
    runtime = find_runtime(Tools(kafka_home=tmp_path / "kafka", path=str(tmp_path)))
    assert runtime.class_path == f"{tmp_path}/kafka/libs/*"


def test_wrong_kafka_home_is_refused(tmp_path: Path) -> None:
    fake_java(tmp_path, "17")
    with pytest.raises(LocalKafkaError, match=r"no libs/kafka_\*\.jar"):
        find_runtime(Tools(kafka_home=tmp_path, path=str(tmp_path)))


def test_failed_fetch_leaves_nothing_and_tells_what_maven_said(tmp_path: Path) -> None:
    executable(tmp_path / "mvn", "echo no such host; exit 1")
    with pytest.raises(LocalKafkaError, match="no such host"):
        fetch_jars(Tools(path=f"{tmp_path}:/bin:/usr/bin", cache=tmp_path / "cache"))
    assert [path.name for path in (tmp_path / "cache" / "kafka").iterdir()] == [".lock"]


def test_two_at_once_fetch_once(tmp_path: Path) -> None:
    executable(tmp_path / "mvn", MAVEN_THAT_WORKS.format(folder=tmp_path))
    tools = Tools(path=f"{tmp_path}:/bin:/usr/bin", cache=tmp_path / "cache")
    threads = [threading.Thread(target=fetch_jars, args=(tools,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "runs").read_text() == "run\n"
    assert (fetch_jars(tools) / "kafka_2.13-1.jar").exists()


def test_environment_names_the_tools() -> None:
    tools = Tools.from_environ({"KAFKA_HOME": "/k", "JAVA_HOME": "", "PATH": "/bin"})
    assert (tools.kafka_home, tools.java_home, tools.path) == (Path("/k"), None, "/bin")


def test_pom_names_a_version_and_no_address() -> None:
    pom = POM.read_text()
    assert kafka_version(pom)
    assert "<repositor" not in pom
