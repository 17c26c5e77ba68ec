"""Tests of the scopes."""
