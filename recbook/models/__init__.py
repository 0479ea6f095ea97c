"""Recommenders: anything here has ``score(users)`` and ``recommend(users, k, exclude)``."""

from recbook.models.base import BaseRecommender, EmbeddingModel
from recbook.models.ials import ImplicitALS
from recbook.models.lightgcn import LightGCN, LightGCNConv
from recbook.models.linear import EASE, GFCF, PureSVD
from recbook.models.matrix_factorization import MatrixFactorization
from recbook.models.neighbourhood import ItemKNN
from recbook.models.ngcf import NGCF, NGCFConv
from recbook.models.popularity import Popularity

__all__ = [
    "EASE",
    "GFCF",
    "NGCF",
    "BaseRecommender",
    "EmbeddingModel",
    "ImplicitALS",
    "ItemKNN",
    "LightGCN",
    "LightGCNConv",
    "MatrixFactorization",
    "NGCFConv",
    "Popularity",
    "PureSVD",
]
