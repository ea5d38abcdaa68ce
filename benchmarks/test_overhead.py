"""What Ray costs by itself, timed beside the kernels; the tests are rayscale's."""

from rayscale.overhead import (
    test_bytes_in,
    test_bytes_out,
    test_empty_tasks,
    test_nap_length,
    test_task_length,
)

__all__ = [
    "test_bytes_in",
    "test_bytes_out",
    "test_empty_tasks",
    "test_nap_length",
    "test_task_length",
]
