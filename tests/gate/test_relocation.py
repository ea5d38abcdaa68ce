"""What is the project's, and where a copy's imports come from."""

import sys
from pathlib import Path

import pytest

from rayscale.gate.relocation import OURS, Owned, Places, path

TREE, COPY = Path("/home/me/project"), Path("/tmp/abcdefgh/project")  # noqa: S108 - nothing is there


def test_rayscale_is_never_the_projects_in_a_copy_either() -> None:
    """In rayscale's own repository, workers may import it from a copy."""
    places = Places(OURS.parent, (OURS,))
    owns = Owned(places, (COPY,))
    assert owns(f"{COPY}/kernels/timer.py")
    assert not owns(f"{COPY}/{OURS.name}/__init__.py")


@pytest.mark.parametrize(
    ("file", "is_owned"),
    [
        (f"{TREE}/mylib/code.py", True),
        (f"{COPY}/mylib/code.py", True),
        (f"{TREE}/.tox/py/lib/python3.11/site-packages/setuptools/__init__.py", False),
        (f"{TREE}/env/lib/python3.11/random.py", False),
        ("/usr/lib/python3/dist-packages/numpy/__init__.py", False),
        (f"{OURS}/plugin.py", False),
        (f"{TREE}/../other/code.py", False),
        ("<string>", False),
    ],
)
def test_environment_inside_the_tree_is_not_the_projects(file: str, *, is_owned: bool) -> None:
    """What a worker imports from an environment is the same for both revisions."""
    places = Places(TREE, (OURS, TREE / "env"))
    assert Owned(places, (COPY,))(file) is is_owned


def test_editable_install_of_links_leads_into_the_copy(tmp_path: Path) -> None:
    """Setuptools' strict kind is a folder of links to the tree; a copy's leads to the copy."""
    tree, copy = tmp_path / "tree", tmp_path / "copy"
    for root in (tree, copy):
        (root / "src" / "mylib").mkdir(parents=True)
        (root / "src" / "mylib" / "code.py").write_text(f"WHERE = {root.name!r}")
    links = tree / "build" / "__editable__.mylib"
    (links / "mylib").mkdir(parents=True)
    (links / "mylib" / "code.py").symlink_to(tree / "src" / "mylib" / "code.py")

    (entry,) = path(Places(tree, (Path(sys.prefix),)), copy, [str(links)])

    assert "copy" in (Path(entry) / "mylib" / "code.py").read_text()
    copy.rename(tmp_path / "moved")  # as the second loading does
    assert (
        "copy"
        in (tmp_path / "moved" / "build" / "__editable__.mylib" / "mylib" / "code.py").read_text()
    )
