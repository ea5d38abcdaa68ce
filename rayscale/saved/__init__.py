"""What was seen before? Saved runs: recorded, read, compared, and shown over time."""
