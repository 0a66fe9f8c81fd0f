"""Servers that stand in for public image archives, for the demo and for tests."""
