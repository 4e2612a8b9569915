"""Tests of the Python package, run by `cargo xtask python` on the installed wheel."""
