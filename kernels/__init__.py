"""What is measured: plain functions of a block of independent rows."""
