from collections.abc import Callable

from deid.walker import Entry

class Scanner:
    def __init__(self, facts: Callable[[int], int], /) -> None: ...
    def scan(
        self, data: bytes, start: int, implicit: bool, complete: bool, /
    ) -> tuple[int, dict[int, bytes], list[tuple[int, bytes]], bool]: ...
    def read(
        self, fd: int, count: int, /
    ) -> tuple[bytes, int, int, dict[int, bytes], list[tuple[int, bytes]], bool, int, int, int] | None: ...

class Plan:
    def __init__(
        self,
        resolve: Callable[[int, int], Entry],
        block: Callable[[bytes, int], bool],
        private: Callable[[bytes, int, int], Entry | None],
        odd: Callable[[int, bytes, bytes], bool],
        days: int = 0,
        uid_secret: tuple[bytes, bytes] = ...,
        /,
    ) -> None: ...
    def walk(
        self, data: bytes, start: int, end: int, implicit: bool, inserts: list[tuple[int, bytes]] = ..., /
    ) -> bytes: ...
    def counts(self) -> tuple[list[tuple[int, int, int, int, int, int]], int, int]: ...
