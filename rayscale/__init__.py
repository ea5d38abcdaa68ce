"""The instrument: how kernels are measured (session) and what the measurements mean (analysis)."""
