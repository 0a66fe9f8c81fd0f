"""Hooks: how tasks reach the database and the sources."""
