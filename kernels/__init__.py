"""What is measured: plain functions of a block of independent rows, and the ways to run them."""
