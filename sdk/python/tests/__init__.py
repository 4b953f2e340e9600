"""Tests of the SDK under the Python that is there: `python3 -m unittest` in the folder above."""

from . import host

host.install()
