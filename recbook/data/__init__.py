"""Interactions: loading, reading, checking and splitting them.

Raw data is a DataFrame with one row an interaction (``user_id``, ``item_id``, ...), models see
:class:`Interactions`: users and items as positions ``0 .. n-1``. A :class:`Split` holds both worlds
together: what to train on, what to test on, and which raw id stands at which position.
"""

from recbook.data.checking import check_log, clean_log
from recbook.data.citeulike import Articles, load_citeulike, load_citeulike_articles
from recbook.data.features import check_features, one_hot, weigh_rare
from recbook.data.gowalla import load_gowalla
from recbook.data.interactions import Interactions, check_part, pairs_digest
from recbook.data.logs import find_columns, read_log
from recbook.data.movielens import MovieLens, load_movielens_100k
from recbook.data.newcomers import Newcomers, NewcomerSplit, named_items, newcomer_split
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
    "Articles",
    "Interactions",
    "MovieLens",
    "NewcomerSplit",
    "Newcomers",
    "Shop",
    "Split",
    "check_features",
    "check_log",
    "check_part",
    "clean_log",
    "find_columns",
    "given_split",
    "global_time_split",
    "load_citeulike",
    "load_citeulike_articles",
    "load_gowalla",
    "load_movielens_100k",
    "named_items",
    "newcomer_split",
    "one_hot",
    "pairs_digest",
    "per_user_time_split",
    "random_split",
    "read_interactions",
    "read_log",
    "shop_log",
    "to_implicit",
    "weigh_rare",
]
