"""What Ray costs by itself, timed beside the kernels; the tests are rayscale's."""

from rayscale.overhead import *  # noqa: F403 - all that it says are tests
