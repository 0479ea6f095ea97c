"""Interactions: loading, reading, checking and splitting them.

Raw data is a DataFrame with one row an interaction (``user_id``, ``item_id``, ...), models see
:class:`Interactions`: users and items as positions ``0 .. n-1``. A :class:`Split` holds both worlds
together: what to train on, what to test on, and which raw id stands at which position.
"""

from recbook.data.citeulike import load_citeulike
from recbook.data.gowalla import load_gowalla
from recbook.data.interactions import Interactions, check_part, pairs_digest
from recbook.data.logs import check_log, clean_log, read_log
from recbook.data.movielens import MovieLens, load_movielens_100k
from recbook.data.reading import read_interactions, to_implicit
from recbook.data.shop import Shop, shop_log
from recbook.data.split import Split
from recbook.data.splitting import (
    given_split,
    global_time_split,
    per_user_time_split,
    random_split,
)

__all__ = [
    "Interactions",
    "MovieLens",
    "Shop",
    "Split",
    "check_log",
    "check_part",
    "clean_log",
    "given_split",
    "global_time_split",
    "load_citeulike",
    "load_gowalla",
    "load_movielens_100k",
    "pairs_digest",
    "per_user_time_split",
    "random_split",
    "read_interactions",
    "read_log",
    "shop_log",
    "to_implicit",
]
