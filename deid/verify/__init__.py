"""The parts of the verifier: reading, searching, judging. Its face is :mod:`deid.verifier`."""
