"""Random numbers that can be computed again: functions of a seed, a name and a key.

There is no sequence. So any part of a world can be made at any time, in any order, with the same
result. Draws for whole arrays of keys and for one key agree.
"""

import hashlib
from functools import cache

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Which = IntArray | BoolArray | slice
"""Some places of an array: indices, a mask or a slice."""
BitArray = npt.NDArray[np.uint64]
FloatArray = npt.NDArray[np.float64]
PidArray = npt.NDArray[np.bytes_]

PID_LENGTH = 12
_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MASK = (1 << 64) - 1
_KEY_FACTOR = 0x9E3779B97F4A7C15
_FACTOR_1 = 0xBF58476D1CE4E5B9
_FACTOR_2 = 0x94D049BB133111EB


class Chance:
    """The draws of one seed."""

    def __init__(self, seed: int) -> None:
        self._stream = cache(lambda name: _stream_start(seed, name))

    def bits(self, name: str, keys: IntArray) -> BitArray:
        """64 random bits for each key."""
        mixed = keys.astype(np.uint64) * np.uint64(_KEY_FACTOR)
        mixed += np.uint64(self._stream(name))
        mixed ^= mixed >> np.uint64(30)
        mixed *= np.uint64(_FACTOR_1)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(_FACTOR_2)
        mixed ^= mixed >> np.uint64(31)
        return mixed

    def uniform(self, name: str, keys: IntArray) -> FloatArray:
        """A number in [0, 1) for each key."""
        return (self.bits(name, keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def below(self, name: str, keys: IntArray, count: int | IntArray) -> IntArray:
        """A number in 0 … count - 1 for each key."""
        return (self.uniform(name, keys) * count).astype(np.int64)

    def one_bits(self, name: str, key: int) -> int:
        """64 random bits for one key."""
        mixed = (key * _KEY_FACTOR + self._stream(name)) & _MASK
        mixed = (mixed ^ mixed >> 30) * _FACTOR_1 & _MASK
        mixed = (mixed ^ mixed >> 27) * _FACTOR_2 & _MASK
        return mixed ^ mixed >> 31

    def one(self, name: str, key: int) -> float:
        """A number in [0, 1) for one key."""
        return (self.one_bits(name, key) >> 11) * 2.0**-53

    def pids(self, name: str, keys: IntArray) -> PidArray:
        """A profile id for each key: 12 letters and digits."""
        digits = np.frombuffer(_DIGITS, np.uint8)
        text = np.empty((len(keys), PID_LENGTH), np.uint8)
        half = PID_LENGTH // 2
        for part in range(2):
            rest = self.bits(f"{name} {part}", keys)
            for place in range(half):
                rest, digit = np.divmod(rest, np.uint64(62))
                text[:, part * half + place] = digits[digit]
        return text.reshape(-1).view(f"S{PID_LENGTH}")

    def one_pid(self, name: str, key: int) -> str:
        """The profile id of one key."""
        text = bytearray()
        for part in range(2):
            rest = self.one_bits(f"{name} {part}", key)
            for _ in range(PID_LENGTH // 2):
                rest, digit = divmod(rest, 62)
                text.append(_DIGITS[digit])
        return text.decode()


def _stream_start(seed: int, name: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
