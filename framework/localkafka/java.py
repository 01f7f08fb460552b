"""Where Java, Maven and the jars of Apache Kafka are on this machine; knows nothing of brokers.

Nothing here names a download address: Maven fetches the coordinates of `pom.xml` from wherever it is set up to.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from platformdirs import user_cache_path

from framework.errors import JavaMissingError, LocalKafkaError

OLDEST_JAVA = 17
INSTALL_HINT = "On Debian: apt install openjdk-17-jre-headless maven"
POM = Path(__file__).with_name("pom.xml")

Progress = Callable[[str], AbstractContextManager[object]]
"""Shows a sentence for as long as the context lasts; `rich.console.Console.status` is one."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Where to look for Java, Maven and Kafka.

    Attributes:
        kafka_home: an unpacked Apache Kafka, whose `libs` folder is used instead of Maven's jars.
        java_home: a Java installation to prefer over the one on the search path.
        path: the search path for `java` and `mvn`; None is the process's own `PATH`.
        cache: folder that keeps fetched jars; None is the user's cache folder.
        progress: shows what takes long.
    """

    kafka_home: Path | None = None
    java_home: Path | None = None
    path: str | None = None
    cache: Path | None = None
    progress: Progress = nullcontext

    @classmethod
    def from_environ(cls, environ: Mapping[str, str], progress: Progress = nullcontext) -> Self:
        """What `KAFKA_HOME`, `JAVA_HOME` and `PATH` say; an empty one says nothing."""
        kafka_home, java_home = environ.get("KAFKA_HOME"), environ.get("JAVA_HOME")
        return cls(
            kafka_home=Path(kafka_home) if kafka_home else None,
            java_home=Path(java_home) if java_home else None,
            path=environ.get("PATH"),
            progress=progress,
        )


@dataclass(frozen=True, slots=True)
class Runtime:
    """A Java that is new enough, and the class path of a whole Apache Kafka."""

    java: Path
    class_path: str


def find_runtime(tools: Tools) -> Runtime:
    """Find Java and Kafka's jars, fetching the jars through Maven the first time.

    Raises:
        JavaMissingError: Java is missing or older than 17, or neither Maven nor `kafka_home` is there.
        LocalKafkaError: `kafka_home` holds no Kafka, or Maven could not fetch the jars.
    """
    java = find_java(tools)
    libs = _home_libs(tools.kafka_home) if tools.kafka_home else fetch_jars(tools)
    return Runtime(java=java, class_path=f"{libs}{os.sep}*")


def find_java(tools: Tools) -> Path:
    """The `java` to use: that of `java_home`, else the first on the search path.

    Raises:
        JavaMissingError: there is none, or it is older than 17.
    """
    search = str(tools.java_home / "bin") if tools.java_home else tools.path
    found = shutil.which("java", path=search)
    if found is None:
        where = f"in JAVA_HOME ({tools.java_home})" if tools.java_home else "on the search path (PATH)"
        raise JavaMissingError(
            f"The local Kafka needs Java {OLDEST_JAVA} or newer, and no java was found {where}. {INSTALL_HINT}. "
            "If Java is installed elsewhere, set JAVA_HOME to its folder."
        )
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = parse_java_version(said.stderr + said.stdout)
    if version is None or version < OLDEST_JAVA:
        raise JavaMissingError(
            f"The local Kafka needs Java {OLDEST_JAVA} or newer, and {found} is "
            f"{f'Java {version}' if version else 'of an unknown version'}. {INSTALL_HINT}. "
            "If a newer Java is installed elsewhere, set JAVA_HOME to its folder."
        )
    return Path(found).absolute()


def parse_java_version(said: str) -> int | None:
    """The major version in what `java -version` says (`1.8.0_402` is 8), or None."""
    match = re.search(r'version "(\d+)(?:\.(\d+))?', said)
    if match is None:
        return None
    major, minor = match.group(1), match.group(2)
    return int(minor) if major == "1" and minor else int(major)


def kafka_version(pom: str) -> str:
    """The version of Kafka that a `pom.xml` names."""
    match = re.search(r"<kafka\.version>([^<]+)</kafka\.version>", pom)
    if match is None:
        raise LocalKafkaError(f"{POM} names no kafka.version; reinstall the framework.")
    return match.group(1)


def fetch_jars(tools: Tools) -> Path:
    """The folder with the jars that `pom.xml` names; fetched once a version, all or nothing.

    Maven fills a folder of another name, which is renamed when it is complete: an interrupted fetch is no
    half-filled cache. A lock file makes a second process wait and then use what the first one fetched.
    """
    pom = POM.read_text()
    root = (tools.cache or user_cache_path("framework")) / "kafka"
    libs = root / f"{kafka_version(pom)}-{hashlib.sha256(pom.encode()).hexdigest()[:8]}"
    if libs.is_dir():
        return libs
    mvn = _find_maven(tools)
    with tools.progress(f"Fetching Apache Kafka {kafka_version(pom)} through Maven"), _locked(root):
        if not libs.is_dir():
            _run_maven(mvn, pom, libs)
    return libs


def _find_maven(tools: Tools) -> str:
    found = shutil.which("mvn", path=tools.path)
    if found is None:
        raise JavaMissingError(
            "The local Kafka is fetched through Maven, and no mvn was found on the search path (PATH). "
            f"{INSTALL_HINT}. Or unpack Apache Kafka somewhere and set KAFKA_HOME to its folder."
        )
    return found


def _run_maven(mvn: str, pom: str, libs: Path) -> None:
    with tempfile.TemporaryDirectory(dir=libs.parent, prefix="fetching-") as folder:
        jars = Path(folder, "jars")
        jars.mkdir()
        Path(folder, "pom.xml").write_text(pom)
        command = [mvn, "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={jars}"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not any(jars.glob("kafka_*.jar")):
            last = "\n".join(done.stdout.strip().splitlines()[-15:])
            raise LocalKafkaError(
                f"Maven could not fetch Apache Kafka (exit code {done.returncode}). Check that Maven reaches a "
                f"repository, or set KAFKA_HOME to an unpacked Apache Kafka. The last lines it said:\n{last}"
            )
        jars.rename(libs)


def _home_libs(kafka_home: Path) -> Path:
    libs = kafka_home / "libs"
    if not any(libs.glob("kafka_*.jar")):
        raise LocalKafkaError(
            f"KAFKA_HOME is {kafka_home}, and there is no libs/kafka_*.jar in it. Set it to the folder of an "
            "unpacked Apache Kafka, or unset it to have Kafka fetched through Maven."
        )
    return libs.absolute()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
