"""Recommenders: anything here has ``score(users)`` and ``recommend(users, k, exclude)``."""

from recbook.models.base import BaseRecommender, EmbeddingModel
from recbook.models.lightgcn import LightGCN, LightGCNConv
from recbook.models.matrix_factorization import MatrixFactorization
from recbook.models.ngcf import NGCF, NGCFConv
from recbook.models.popularity import Popularity
from recbook.models.pure_svd import PureSVD

__all__ = [
    "NGCF",
    "BaseRecommender",
    "EmbeddingModel",
    "LightGCN",
    "LightGCNConv",
    "MatrixFactorization",
    "NGCFConv",
    "Popularity",
    "PureSVD",
]
