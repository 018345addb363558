"""Ray itself: started on this machine, or joined.

It runs on the loopback address unless a cluster is named. Its dashboard is off, and so is what it
would report of its use; its token authentication is left on.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from evalkit.errors import BackendError
from evalkit.run_record import RunConfig

REACHED = 10.0
"""Seconds within which a cluster's address must take a connection."""


def accelerators(config: RunConfig) -> int:
    """Accelerators of each actor, once Ray is there."""
    import ray

    if config.gpus_per_worker is not None:
        return config.gpus_per_worker
    there = ray.cluster_resources().get("GPU", 0)
    return 1 if there and config.device in ("auto", "cuda") else 0


def check_room(gpus: int) -> None:
    """Refuse workers that no node could ever hold: Ray would wait for one without a word.

    Raises:
        BackendError: No node that is there has so many accelerators.
    """
    import ray

    most = max(
        (node["Resources"].get("GPU", 0) for node in ray.nodes() if node["Alive"]), default=0
    )
    if gpus > most:
        message = (
            f"A worker wants {gpus} accelerators, but no node has more than {most:g}; give "
            "--gpus-per-worker fewer, or join a cluster that has them."
        )
        raise BackendError(message)


def _token_file(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("RAY_AUTH_TOKEN_PATH", "~/.ray/auth_token")).expanduser()


def _has_token(environ: Mapping[str, str]) -> bool:
    """Whether a token for Ray is at hand, where Ray looks for it."""
    return "RAY_AUTH_TOKEN" in environ or _token_file(environ).is_file()


def _hide_token(environ: Mapping[str, str]) -> None:
    """Let nobody else read the token that Ray has made: whoever has it may run code here."""
    with suppress(OSError):
        _token_file(environ).chmod(0o600)


def _check_address(address: str | None) -> None:
    """See whether anything listens at host:port: Ray itself would try for many minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or "/" in host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACHED).close()
    except (OSError, OverflowError) as error:
        message = f"The Ray cluster at {address!r} cannot be joined: {error}. Is its head running?"
        raise BackendError(message) from error


def _set_environment(address: str | None, workers: int) -> None:
    """What Ray reads from the environment, where the user has not set it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address is None:
        # Where clusters are not enabled Ray keeps the loopback address; else it takes the host's.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Actors that ask for no CPU would get one thread each, however many cores there are.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // workers)))
    elif _has_token(os.environ):
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def join(address: str | None, workers: int) -> None:
    """Start Ray on this machine, or join a cluster.

    Raises:
        BackendError: It cannot be done.
    """
    _set_environment(address, workers)
    import ray
    from ray._private import worker

    # Ray prints its advice to standard output, where a record may be read from.
    worker.print_to_stdstream = lambda *_, **__: None

    _check_address(address)
    common: dict[str, Any] = {
        "logging_level": logging.ERROR,
        "log_to_driver": False,
        "namespace": "evalkit",
    }
    try:
        if address is not None:
            ray.init(address=address, **common)
        else:
            ray.init(  # "local": not what RAY_ADDRESS may name
                address="local",
                _node_ip_address="127.0.0.1",
                include_dashboard=False,
                num_cpus=workers,
                **common,
            )
            _hide_token(os.environ)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        what = f"The Ray cluster at {address!r} cannot be joined" if address else "Ray cannot start"
        message = f"{what}: {str(error).splitlines()[0]}"
        raise BackendError(message) from error
