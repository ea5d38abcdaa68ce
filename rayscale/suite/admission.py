"""Whether an existing cluster lets this process in: with a token, without one, by its versions.

``ray.init`` uses the user's token for a cluster that it finds by itself, and not for one whose
address it is given (2.60, github.com/ray-project/ray/issues/64755).  With a wrong token it tries
for 20 s.  So the cluster is asked before, once without a token and, if it wants one, with it.
"""

import ipaddress
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rayscale.suite import environment

MODE = "RAY_AUTH_MODE"
HOW = "RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"


class AdmissionError(RuntimeError):
    """The cluster does not let this process in; the message says why, and what to do."""


def read_environment_again() -> None:
    """Have Ray's C++ side read its environment again, settings and token."""
    from ray._raylet import (  # type: ignore[attr-defined]  # it is in C++, and has no types
        AuthenticationTokenLoader,
        Config,
    )

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextmanager
def admitted(address: str) -> Iterator[None]:
    """Have Ray give the cluster at HOST:PORT the user's token for a while, if it wants one.

    AdmissionError if the cluster wants a token and there is none, or another one, or if its Ray or
    Python is of another version.
    """
    wanted, said = "disabled", _answer(address, "disabled")
    if said is None:
        _demand_token()
        wanted, said = "token", _answer(address, "token")
        if said is None:
            raise AdmissionError(
                f"it does not take the token in {_source()}; give the one that it was started with"
            )
    with _mode(wanted):
        _demand_versions(said)
        yield


def doubt(address: str) -> str | None:
    """Return the sentence to say of a cluster that other machines may reach without a token."""
    host = host_of(address)
    if not host or is_loopback(host) or _refuses(address, "disabled"):
        return None
    return (
        f'the cluster at "{address}" asks for no token: whoever reaches it from another machine '
        "can run code on it; 'ray start' with RAY_AUTH_MODE=token asks for one"
    )


def host_of(address: str) -> str:
    """Return the host of HOST:PORT; nothing for what is no such address.

    >>> host_of("10.0.0.7:6379"), host_of("[::1]:6379"), host_of("ray://a:10001"), host_of("auto")
    ('10.0.0.7', '::1', '', '')
    """
    host, _, port = address.rpartition(":")
    return host.strip("[]") if port.isdecimal() and "//" not in host else ""


def is_loopback(host: str) -> bool:
    """Tell whether *host* is this machine, by an address that others cannot reach.

    >>> is_loopback("127.0.0.2"), is_loopback("localhost"), is_loopback("10.0.0.7")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


@contextmanager
def _mode(wanted: str) -> Iterator[None]:
    """Have Ray send a token or none, for a while."""
    with environment.variables({MODE: wanted}):
        read_environment_again()
        yield


def _refuses(address: str, mode: str) -> bool:
    """Tell whether the cluster does not answer a question for want of the right token."""
    return _answer(address, mode) is None


def _answer(address: str, mode: str) -> dict[str, Any] | None:
    """Return what the cluster says of its versions; None for want of the right token."""
    from ray.exceptions import AuthenticationError

    with _mode(mode):
        try:
            return _metadata(address)
        except AuthenticationError:
            return None


def _metadata(address: str) -> dict[str, Any]:
    """Return what the cluster says of its versions."""
    from ray._private import ray_constants
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # it is in C++

    said = GcsClient(address=address).internal_kv_get(
        b"CLUSTER_METADATA", namespace=ray_constants.KV_NAMESPACE_CLUSTER
    )
    found: dict[str, Any] = json.loads(said or b"{}")
    return found


def _demand_token() -> None:
    from ray import _raylet
    from ray.exceptions import RayError

    loader: Any = _raylet.AuthenticationTokenLoader  # type: ignore[attr-defined]  # it is in C++
    try:
        there = loader.instance().has_token(ignore_auth_mode=True)
    except (RayError, RuntimeError) as error:  # a file that cannot be read
        why = str(error).partition(". ")[0]
        raise AdmissionError(f"it asks for a token, and {why}; give it in {HOW}") from error
    if not there:
        raise AdmissionError(f"it asks for a token and there is none; give it in {HOW}")


def _source() -> str:
    """Return where Ray found the token, in the order in which it looks."""
    given = [name for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH") if os.environ.get(name)]
    return given[0] if given else "~/.ray/auth_token"


def _demand_versions(there: dict[str, Any]) -> None:
    """Raise AdmissionError if Ray itself would refuse the cluster's versions."""
    from ray._private.utils import check_version_info, compute_version_info

    if not there:  # it is just starting
        return
    try:
        check_version_info(there, "this machine")
    except RuntimeError as error:
        ray_here, python_here = compute_version_info()
        raise AdmissionError(
            f"it runs Ray {there['ray_version']} on Python {there['python_version']}, and this "
            f"process Ray {ray_here} on Python {python_here}; install the cluster's versions here"
        ) from error
