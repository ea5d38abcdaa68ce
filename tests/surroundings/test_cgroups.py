"""Limits are found wherever the process is in its control groups."""

from pathlib import Path

import pytest

from rayscale.surroundings.cgroups import held_back, memory_left, quota
from tests.projects import write
from tests.surroundings.cgroup import Hierarchy, process

OLDER = {"cpu.cfs_quota_us": "150000\n", "cpu.cfs_period_us": "100000\n"}
UNLIMITED = {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}


def below(group: str, files: dict[str, str]) -> dict[str, str]:
    """Return *files* in the folder of *group*."""
    return {f"{group}/{name}": text for name, text in files.items()}


@pytest.mark.parametrize(
    ("hierarchies", "cpus"),
    [
        pytest.param([], None, id="no-cgroups"),
        pytest.param([Hierarchy("", "/", {"cpu.max": "250000 100000\n"})], 2.5, id="v2"),
        pytest.param([Hierarchy("", "/", {"cpu.max": "max 100000\n"})], None, id="v2-max"),
        pytest.param([Hierarchy("", "/", {})], None, id="v2-root-has-no-file"),
        pytest.param(
            [Hierarchy("", "/user/me", {"user/me/cpu.max": "400000 100000\n"})], 4, id="v2-below"
        ),
        pytest.param(
            [
                Hierarchy(
                    "",
                    "/user/me/shell",
                    {
                        "user/cpu.max": "300000 100000\n",
                        "user/me/cpu.max": "max 100000\n",
                        "user/me/shell/cpu.max": "800000 100000\n",
                    },
                )
            ],
            3,
            id="v2-the-smallest-of-nested-ones-is-a-parents",
        ),
        pytest.param([Hierarchy("cpu,cpuacct", "/", OLDER)], 1.5, id="v1"),
        pytest.param([Hierarchy("cpu", "/", UNLIMITED)], None, id="v1-unlimited"),
        pytest.param(
            [Hierarchy("cpu", "/job/1", below("job", OLDER) | below("job/1", UNLIMITED))],
            1.5,
            id="v1-of-a-parent",
        ),
        pytest.param([Hierarchy("memory", "/", OLDER)], None, id="v1-of-another-controller"),
        pytest.param(
            [Hierarchy("cpu", "/", OLDER), Hierarchy("", "/a", {"a/cpu.max": "100000 100000"})],
            1,
            id="hybrid",
        ),
        pytest.param(
            [Hierarchy("cpu", "/docker/abc", OLDER, root="/docker/abc")],
            1.5,
            id="v1-a-container-whose-mount-begins-at-its-group",
        ),
        pytest.param(
            [Hierarchy("", "/../host", {"cpu.max": "200000 100000"})], 2, id="v2-from-outside"
        ),
        pytest.param([Hierarchy("", "/", {"cpu.max": "many few\n"})], None, id="garbage"),
        pytest.param([Hierarchy("", "/", {"cpu.max": "100000 0\n"})], None, id="no-period"),
        pytest.param([Hierarchy("", "/", {"cpu.max": ""})], None, id="empty"),
        pytest.param([Hierarchy("cpu", "/", {"cpu.cfs_quota_us": "100000\n"})], None, id="v1-half"),
    ],
)
def test_quota_is_the_smallest_that_holds(
    tmp_path: Path, hierarchies: list[Hierarchy], cpus: float | None
) -> None:
    """The smallest quota counts, of the process's group and those above; an odd file has none."""
    assert quota(process(tmp_path, *hierarchies)) == cpus


def test_nothing_is_held_back_without_proc(tmp_path: Path) -> None:
    """Where there is no /proc (macOS), there is no quota, and nothing is held back."""
    assert (quota(tmp_path / "absent"), held_back(tmp_path / "absent")) == (None, 0)


def test_odd_lines_say_nothing(tmp_path: Path) -> None:
    """Lines of another form, and bytes that are not text, are not an error."""
    folder = write(tmp_path, {"cgroup": "nothing\n::\n", "mountinfo": "1 2 - cgroup2\n - \n"})
    (folder / "mountinfo").write_bytes(b"\xff\xfe - cgroup2 \xff rw\n1 2 3 / /none - cgroup2 a b")

    assert quota(folder) is None


@pytest.mark.parametrize(
    ("controllers", "group", "files", "seconds"),
    [
        ("", "/", {"cpu.stat": "usage_usec 7\nthrottled_usec 1500000\n"}, 1.5),
        ("cpu", "/", {"cpu.stat": "nr_throttled 3\nthrottled_time 2000000000\n"}, 2.0),
        (
            "",
            "/a",
            {"cpu.stat": "throttled_usec 1000000\n", "a/cpu.stat": "throttled_usec 500000\n"},
            1.5,
        ),
        ("", "/", {"cpu.stat": "throttled_usec a lot\n"}, 0),
        ("", "/", {}, 0),
    ],
)
def test_held_back_is_what_all_groups_note(
    tmp_path: Path, controllers: str, group: str, files: dict[str, str], seconds: float
) -> None:
    """What the group's quota and those above held back adds up, in seconds."""
    assert held_back(process(tmp_path, Hierarchy(controllers, group, files))) == seconds


NEWER = {"memory.max": "1000\n", "memory.current": "700\n"}
LEFT_300 = {"memory.limit_in_bytes": "1000\n", "memory.usage_in_bytes": "700\n"}


@pytest.mark.parametrize(
    ("controllers", "group", "files", "left"),
    [
        pytest.param("", "/", NEWER, 300, id="v2"),
        pytest.param("", "/", {**NEWER, "memory.max": "max\n"}, None, id="v2-max"),
        pytest.param("", "/", {}, None, id="v2-root-has-no-file"),
        # What was read from files, 250 of the 700, is given up for other use.
        pytest.param(
            "", "/", {**NEWER, "memory.stat": "anon 1\ninactive_file 250\n"}, 550, id="v2-cached"
        ),
        pytest.param(
            "",
            "/a",
            NEWER | below("a", {"memory.max": "500\n", "memory.current": "100\n"}),
            300,
            id="v2-of-a-parent",
        ),
        pytest.param("memory", "/", LEFT_300, 300, id="v1"),
        pytest.param(
            "memory",
            "/",
            {**LEFT_300, "memory.stat": "total_inactive_file 250\n"},
            550,
            id="v1-cached",
        ),
        pytest.param("cpu", "/", LEFT_300, None, id="v1-of-another-controller"),
        pytest.param("", "/", {**NEWER, "memory.current": "1200\n"}, 0, id="more-than-allowed"),
    ],
)
def test_memory_left_is_the_least_that_limits_leave(
    tmp_path: Path, controllers: str, group: str, files: dict[str, str], left: int | None
) -> None:
    """In bytes, of the process's group and those above; without a limit there is none."""
    assert memory_left(process(tmp_path, Hierarchy(controllers, group, files))) == left
