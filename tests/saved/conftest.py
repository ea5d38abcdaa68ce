"""What several tests of saved runs need."""

import pytest


@pytest.fixture
def fewer_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have 2,000 permutations drawn, and not 10,000: simulations are five times as fast.

    A permutation test keeps its level with any number of them; this one has steps of 0.05 %.
    """
    monkeypatch.setattr("rayscale.saved.permutation.MOST", 2000)
