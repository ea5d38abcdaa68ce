"""An existing cluster gets the user's token, and says in one sentence why it lets nobody in."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray._private.utils import compute_version_info

from rayscale.suite import admission, connecting
from rayscale.suite.admission import AdmissionError, admitted, read_environment_again
from rayscale.suite.awaiting import Patience
from rayscale.suite.cluster import ClusterError
from tests.clusters import Foreign, foreign_cluster

TOKEN = "5" * 64
NONE = Patience(seconds=0, show=print)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Foreign]:
    """Return a cluster that asks for a token; it ends with the tests."""
    with foreign_cluster(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=TOKEN) as started:
        yield started


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the home directory of a user who has set nothing for Ray."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path))
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
            patch.delenv(name, raising=False)
        yield tmp_path
    read_environment_again()


def give(token: str, place: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user a *token* at a *place* where Ray looks for it."""
    file = home / ("token" if place == "RAY_AUTH_TOKEN_PATH" else ".ray/auth_token")
    if place == "RAY_AUTH_TOKEN":
        monkeypatch.setenv(place, token)
        return
    file.parent.mkdir(exist_ok=True)
    file.write_text(token)
    if place == "RAY_AUTH_TOKEN_PATH":
        monkeypatch.setenv(place, str(file))


PLACES = ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "~/.ray/auth_token"]


@pytest.mark.parametrize("mode", [None, "disabled"])
@pytest.mark.parametrize("place", PLACES)
def test_cluster_that_asks_for_a_token_gets_the_users(
    guarded: Foreign, home: Path, monkeypatch: pytest.MonkeyPatch, place: str, mode: str | None
) -> None:
    """Wherever the user has it, whatever RAY_AUTH_MODE says: the address was given on purpose."""
    give(TOKEN, place, home, monkeypatch)
    if mode is not None:
        monkeypatch.setenv("RAY_AUTH_MODE", mode)

    with admitted(guarded.address):
        pass


def test_cluster_that_asks_for_a_token_is_measured_on(
    guarded: Foreign, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the token, tasks run there; afterwards Ray in this process has no token any more."""
    give(TOKEN, "~/.ray/auth_token", home, monkeypatch)

    with connecting.existing(guarded.address, 2, NONE) as cluster:
        assert len(cluster.call_roll(2)) == 2

    assert not ray.is_initialized()
    assert admission._refuses(guarded.address, "disabled")


def test_cluster_without_its_token_is_refused(guarded: Foreign) -> None:
    """The sentence says where the token can be given."""
    with pytest.raises(ClusterError) as refused, connecting.existing(guarded.address, 1, NONE):
        pass

    assert str(refused.value) == (
        f'--rayscale-ray-address: the cluster at "{guarded.address}" does not let this session '
        "in: it asks for a token and there is none; give it in RAY_AUTH_TOKEN, "
        "RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"
    )


@pytest.mark.parametrize("place", PLACES)
def test_wrong_token_is_refused(
    guarded: Foreign, home: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The sentence says which one it is, and does not show it."""
    give("6" * 64, place, home, monkeypatch)

    with pytest.raises(AdmissionError) as refused, admitted(guarded.address):
        pass

    assert str(refused.value) == (
        f"it does not take the token in {place}; give the one that it was started with"
    )


def test_token_that_cannot_be_read_is_named(
    guarded: Foreign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path that leads nowhere is told in one sentence."""
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/nowhere/token")

    with pytest.raises(AdmissionError, match=r"^it asks for a token, and .*/nowhere/token; give"):
        admitted(guarded.address).__enter__()


def test_cluster_of_another_version_is_refused(
    guarded: Foreign, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both versions of both are named."""
    give(TOKEN, "RAY_AUTH_TOKEN", home, monkeypatch)
    older = {"ray_version": "2.3.0", "python_version": "3.8.1"}
    monkeypatch.setattr(admission, "_metadata", lambda _: older)
    here = re.escape("Ray {} on Python {}".format(*compute_version_info()))

    with pytest.raises(
        AdmissionError, match=rf"^it runs Ray 2\.3\.0 on Python 3\.8\.1, and this process {here};"
    ):
        admitted(guarded.address).__enter__()


def test_cluster_says_its_versions(
    guarded: Foreign, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are where they are looked for; Ray promises nothing of that (2.60)."""
    give(TOKEN, "RAY_AUTH_TOKEN", home, monkeypatch)
    with admitted(guarded.address):
        said = admission._metadata(guarded.address)

    assert (said["ray_version"], said["python_version"]) == compute_version_info()


@pytest.mark.parametrize(
    ("address", "refuses", "warns"),
    [
        ("10.0.0.7:6379", False, True),
        ("head.example:6379", False, True),
        ("10.0.0.7:6379", True, False),
        ("127.0.0.1:6379", False, False),
        ("localhost:6379", False, False),
        ("auto", False, False),
    ],
)
def test_cluster_that_lets_all_in_is_told(
    monkeypatch: pytest.MonkeyPatch, address: str, refuses: bool, warns: bool
) -> None:
    """One that other machines may reach, and that asks for no token, is worth a sentence."""
    monkeypatch.setattr(admission, "_refuses", lambda *_: refuses)

    sentence = admission.doubt(address)

    assert (sentence is not None) == warns
    assert sentence is None or sentence.startswith(f'the cluster at "{address}" asks for no token')
