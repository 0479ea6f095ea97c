"""Recommenders: anything here has ``score(users)`` and ``recommend(users, k, exclude)``."""

from recbook.models.base import BaseRecommender, EmbeddingModel
from recbook.models.lightgcn import LightGCN, LightGCNConv
from recbook.models.popularity import Popularity

__all__ = ["BaseRecommender", "EmbeddingModel", "LightGCN", "LightGCNConv", "Popularity"]
