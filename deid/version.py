"""Version of the engine: part of every object's marks, raised whenever outputs change."""

VERSION = "0.1.0"
