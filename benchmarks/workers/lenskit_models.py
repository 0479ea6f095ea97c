"""LensKit's implicit ALS, EASE and ItemKNN."""

import warnings

import numpy as np
import pandas as pd
from harness import serve
from lenskit.als import ImplicitMFScorer
from lenskit.batch import recommend
from lenskit.data import ItemList, ItemListCollection, RecQuery, UserIDKey, from_interactions_df
from lenskit.knn import EASEScorer, ItemKNNScorer
from lenskit.metrics import Recall, RunAnalysis
from lenskit.pipeline import topn_pipeline
from lenskit.training import TrainingOptions

warnings.filterwarnings("ignore")


def fit(build):
    """How to train the scorer that ``build(settings)`` gives, in LensKit's pipeline."""

    def run(data, settings, watch):
        train = frame(data, "train")
        dataset = from_interactions_df(train)
        pipeline = topn_pipeline(build(settings), n=20)
        watch.start()
        pipeline.train(dataset, TrainingOptions(rng=watch.seed))

        def score():
            scorer = pipeline.component("scorer")
            full = np.full((data.num_users, data.num_items), -np.inf, np.float32)
            everything = ItemList(item_ids=dataset.items.ids())
            for user, row in train.groupby("user_id"):
                query = RecQuery(user_id=user, user_items=ItemList(item_ids=row["item_id"]))
                full[user, everything.ids()] = scorer(query, everything).scores()
            return np.nan_to_num(full, nan=-1e9, neginf=-1e9)

        watch.lap(score)

        def evaluate():
            target = frame(data, "target")
            users = target["user_id"].unique()
            lists = recommend(pipeline, users, 20, n_jobs=1)
            analysis = RunAnalysis()
            analysis.add_metric(Recall(20))
            truth = ItemListCollection.from_df(target, UserIDKey)
            analysis.measure(lists, truth)
            return len(users)

        return score, evaluate

    return run


def frame(data, part):
    """A part of the split as LensKit takes it."""
    user, item = getattr(data, f"{part}_user"), getattr(data, f"{part}_item")
    return pd.DataFrame({"user_id": user, "item_id": item})


def als(settings):
    """Implicit ALS."""
    return ImplicitMFScorer(
        embedding_size=settings["factors"],
        epochs=settings["epochs"],
        weight=settings["weight"],
        regularization=settings["regularization"],
        user_embeddings="prefer",
    )


serve(
    {
        "ALS": fit(als),
        "ItemKNN": fit(lambda s: ItemKNNScorer(max_nbrs=s["num_neighbors"], feedback="implicit")),
        "EASE": fit(lambda s: EASEScorer(regularization=s["reg"])),
    }
)
