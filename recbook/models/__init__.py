"""Recommenders: anything here has ``score(users)`` and ``recommend(users, k, exclude)``."""

from recbook.models.base import BaseRecommender, EmbeddingModel
from recbook.models.ials import IALS
from recbook.models.inductive import GraphSAGE
from recbook.models.lightgcn import LightGCN, LightGCNConv
from recbook.models.linear import EASE, EDLAE, GFCF, PureSVD
from recbook.models.matrix_factorization import MatrixFactorization
from recbook.models.neighbourhood import ItemKNN, RP3beta, UserKNN
from recbook.models.ngcf import NGCF, NGCFConv
from recbook.models.popularity import Popularity
from recbook.models.slim import SLIM

__all__ = [
    "EASE",
    "EDLAE",
    "GFCF",
    "IALS",
    "NGCF",
    "SLIM",
    "BaseRecommender",
    "EmbeddingModel",
    "GraphSAGE",
    "ItemKNN",
    "LightGCN",
    "LightGCNConv",
    "MatrixFactorization",
    "NGCFConv",
    "Popularity",
    "PureSVD",
    "RP3beta",
    "UserKNN",
]
