"""What differs between courses: drawn from a course's name and a secret that is stored nowhere."""

import hashlib
import hmac
import os
import random
import re
from collections.abc import Sequence

SECRET = "RECBOOK_TEACHING_SECRET"
_SHORTEST = 12


def _digest(course: str, names: Sequence[str]) -> bytes:
    """What nobody can compute who lacks the secret."""
    secret = os.environ.get(SECRET, "")
    if len(secret) < _SHORTEST:
        raise SystemExit(
            f"{SECRET} has {len(secret)} characters, expected at least {_SHORTEST} that only you "
            "know. Make one with\n    python3 -c 'import secrets; print(secrets.token_hex(16))'\n"
            f"keep it where you keep passwords, and set it before each build: export {SECRET}=..."
        )
    if not course.strip():
        raise SystemExit('COURSE is empty: name the course, such as COURSE="Graphs, spring 2027"')
    return hmac.digest(secret.encode(), "\0".join([course, *names]).encode(), hashlib.sha256)


def generator(course: str, *names: str) -> random.Random:
    """A generator of random numbers for one use in one course, the same whenever it is asked for.

    Its integers, choices and shuffles do not depend on the version of Python or NumPy.
    """
    return random.Random(int.from_bytes(_digest(course, names)))


def tag(course: str) -> str:
    """Eight letters that tell one course's files from another's and give nothing away."""
    return _digest(course, ["tag"]).hex()[:8]


def folder_name(course: str) -> str:
    """The course's name as a folder's, different for different courses."""
    return "-".join([*re.findall("[a-z0-9]+", course.lower()), tag(course)[:4]])


def draw_likes(rng: random.Random, num_users: int, num_items: int, low: int, high: int) -> list:
    """A toy graph: for each user an ascending list of ``low`` to ``high`` items."""
    return [sorted(rng.sample(range(num_items), rng.randint(low, high))) for _ in range(num_users)]
