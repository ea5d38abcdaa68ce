"""What else the machine does while something is timed, and how the process itself is held back."""
