"""The folders that ./dev bench repo backs up: the same bytes for each run."""
import random

WORDS = 4000
LARGE_MB = 1000
SMALL_FILES = 30_000


def _vocabulary(rng):
    letters = "etaoinshrdlucmfwypvbgk"
    return ["".join(rng.choices(letters, range(len(letters), 0, -1), k=rng.randint(2, 9))) for _ in range(WORDS)]


def _text(rng, words, size):
    """Lines of a log: words by a law like a language's, and numbers that hardly repeat."""
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    picked = rng.choices(words, weights, k=size // 5)
    lines = [f"{rng.getrandbits(40):x} {' '.join(picked[i:i + 12])}" for i in range(0, len(picked), 12)]
    return "\n".join(lines).encode()[:size]


def make_large(folder, megabytes):
    """One file: three quarters are text, one quarter does not compress."""
    folder.mkdir(parents=True)
    rng = random.Random(1)
    words = _vocabulary(rng)
    with open(folder / "large", "wb") as file:
        while file.tell() < megabytes * 1_000_000:
            file.write(_text(rng, words, 3 << 20) + rng.randbytes(1 << 20))


def make_small(folder, count):
    """Files of 1 to 8 KiB, a hundred a folder."""
    rng = random.Random(2)
    words = _vocabulary(rng)
    for number in range(count):
        parent = folder / f"{number // 100:04}"
        if number % 100 == 0:
            parent.mkdir(parents=True)
        (parent / f"file{number:06}.txt").write_bytes(_text(rng, words, rng.randint(1 << 10, 8 << 10)))


def make_generation(folder, number, files=24, size=24 << 20):
    """The `number`-th state of a folder of which half is replaced each time."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(files):
        if number == 0 or (i + number) % 2 == 0:
            rng = random.Random(number * 1000 + i)
            (folder / f"part{i:02}").write_bytes(_text(rng, _vocabulary(rng), size // 2) + rng.randbytes(size // 2))
