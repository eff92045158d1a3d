"""The way to a Dask cluster: one that runs already, or one of our own whose workers Slurm starts."""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assignments.errors import UserError
from graders.runs.engines.slurm_script import node_environment

if TYPE_CHECKING:
    from distributed import Client

    from graders.course.course import EngineSettings

CONNECT_S = 10.0
"""How long a scheduler may take to answer."""
INSTALL = "pip install 'medmark[cluster]'"


@dataclass(frozen=True)
class Connection:
    """A client of a scheduler."""

    client: Client
    own: Any
    """The cluster, if it is our own and ends with the run; else None."""

    def close(self) -> None:
        """Leave the cluster; one of our own ends."""
        self.client.close()
        if self.own is not None:
            self.own.close()


def connected(settings: EngineSettings, folder: Path) -> Connection:
    """Connect to the scheduler; start a cluster where none is named.

    Args:
        settings: `[engine]` of the course.
        folder: of the course, where relative paths of certificates begin.

    Raises:
        UserError: the scheduler cannot be reached, or Dask is not installed; the text says what to do.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise UserError(f"the dask engine needs Dask, which is not installed here: {INSTALL}") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said in our own words
    address, own = settings.scheduler, None
    if address:
        security = _security(settings, folder)
    else:
        own, security = _slurm_cluster(settings, folder)
        address = own.scheduler_address
    try:
        client = Client(address, security=security, timeout=CONNECT_S, set_as_default=False, name="medmark")
    except Exception as error:
        if own is not None:
            own.close()
        raise UserError(_unreachable(address, error)) from error
    return Connection(client, own)


def _security(settings: EngineSettings, folder: Path) -> Any:
    """The site's certificates.

    Raises:
        UserError: the way there would be open, or a file is missing.
    """
    from distributed.security import Security

    if settings.scheduler.startswith("tcp://"):
        host = settings.scheduler.removeprefix("tcp://").rpartition(":")[0]
        if host not in ("127.0.0.1", "localhost"):
            raise UserError(
                f"{settings.scheduler}: a scheduler of another machine must speak TLS, since whoever reaches it "
                "can run code: write tls://, and tls_ca, tls_cert and tls_key under [engine] in course.toml"
            )
        return None
    files = {name: getattr(settings, name) for name in ("tls_ca", "tls_cert", "tls_key")}
    if None in files.values():
        raise UserError(f"{settings.scheduler}: name tls_ca, tls_cert and tls_key under [engine] in course.toml")
    paths = {name: folder / path for name, path in files.items()}
    if missing := [path for path in paths.values() if not path.is_file()]:
        raise UserError(f"{missing[0]}: there is no such file, which [engine] in course.toml names")
    ca, cert, key = map(str, paths.values())
    return Security(tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True)


def _slurm_cluster(settings: EngineSettings, course: Path) -> tuple[Any, Any]:
    """A cluster of our own, whose workers Slurm starts, and the temporary certificates with which it speaks.

    Raises:
        UserError: the shared folder cannot be written, or dask-jobqueue is not installed.
    """
    assert settings.folder is not None  # the settings see to that
    shared = (course / settings.folder).resolve()
    try:
        shared.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UserError(f"{shared}: {error.strerror}. Check folder under [engine] in course.toml.") from error
    settings = settings.model_copy(update={"folder": shared})
    try:
        import cryptography  # noqa: F401 - it makes the certificates
        from dask_jobqueue.slurm import SLURMCluster
        from distributed.security import Security
    except ImportError as error:
        raise UserError(f"a cluster of our own needs {error.name}, which is not installed here: {INSTALL}") from error
    security = Security.temporary()
    cluster = SLURMCluster(security=security, protocol="tls", **slurm_options(settings))
    cluster.scale(jobs=settings.workers)
    return cluster, security


def slurm_options(settings: EngineSettings) -> dict[str, Any]:
    """What one worker asks of Slurm. It leaves before its wall time, so that the site need not end it."""
    minutes = settings.walltime_minutes
    leaves = max(minutes - 5, minutes / 2)
    extra = ["--nthreads", "1", "--lifetime", f"{leaves:g}m", "--lifetime-stagger", f"{min(2, leaves / 10):g}m"]
    return {
        "cores": settings.cores,
        "processes": 1,
        "memory": f"{settings.memory_mb}MiB",
        "walltime": f"{minutes // 60:02d}:{minutes % 60:02d}:00",
        "queue": settings.queue or None,
        "python": settings.python or None,
        # Certificates and logs would come to lie in the folder from which `grade` was typed.
        "shared_temp_directory": str(settings.folder),
        "log_directory": f"{settings.folder}/logs",
        # Nothing of this process's environment goes along: it may hold tokens of the course.
        "job_extra_directives": [
            "--export=NONE",
            *([f"--gres=gpu:{settings.gpus}"] if settings.gpus else []),
            *settings.options,
        ],
        "job_script_prologue": [
            f"export {name}={shlex.quote(value)}" for name, value in node_environment(settings).items()
        ],
        "worker_extra_args": [
            *extra,
            "--memory-limit",
            "0",
            *(["--resources", f"GPU={settings.gpus}"] if settings.gpus else []),
        ],
    }


def _unreachable(address: str, error: Exception) -> str:
    text = in_words(error)
    if "certificate" in text.lower() or "SSL" in text:
        return (
            f"{address}: the scheduler's certificate and those of [engine] in course.toml do not belong together "
            f"({text}): take tls_ca, tls_cert and tls_key of the same site, and check this machine's clock"
        )
    return (
        f"{address}: no Dask scheduler answers within {CONNECT_S:.0f} s ({text}). Check the address, that the "
        "scheduler runs, and that this machine may reach its port"
    )


def in_words(error: BaseException) -> str:
    """What an error and those behind it say, on one line."""
    texts: list[str] = []
    at: BaseException | None = error
    while at is not None and len(texts) < 4:
        texts.append(str(at) or type(at).__name__)
        at = at.__cause__ or at.__context__
    text = "; ".join(dict.fromkeys(" ".join(text.split())[:300] for text in texts))
    if isinstance(error, ModuleNotFoundError):
        return f"medmark is not installed on this worker ({text}): {INSTALL}"
    return text
