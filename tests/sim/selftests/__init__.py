"""Tests of the simulator itself: ../selftest runs them."""
