"""How it is measured: the pytest plug-in, its options, its Ray cluster, its saved runs."""
