"""cornac's BPR, all epochs at once, and its LightGCN, which needs dgl."""

import os

import numpy as np
from cornac.data import Dataset
from cornac.eval_methods.base_method import ranking_eval
from cornac.metrics import Recall
from cornac.models import BPR, LightGCN
from harness import serve

THREADS = int(os.environ["OMP_NUM_THREADS"])


def fit(build):
    """How to train the model that ``build(settings, seed)`` gives."""

    def run(data, settings, watch):
        train = dataset(data, "train")
        model = build(settings, watch.seed)
        watch.start()
        model.fit(train)

        def score():
            # Users and items without train interactions have no row: they score lowest.
            known = np.stack([model.score(u) for u in range(train.num_users)])
            full = np.full((data.num_users, data.num_items), known.min(), np.float32)
            full[np.ix_(list(model.uid_map), list(model.iid_map))] = known
            return full

        watch.lap(score)

        def evaluate():
            test = dataset(data, "target", train.uid_map.copy(), train.iid_map.copy())
            ranking_eval(model, [Recall(k=20)], train, test)
            return len(set(data.target_user.tolist()))

        return score, evaluate

    return run


def dataset(data, part, *maps):
    """A part of the split as cornac's dataset."""
    user, item = getattr(data, f"{part}_user").tolist(), getattr(data, f"{part}_item").tolist()
    return Dataset.build(list(zip(user, item, [1.0] * len(user), strict=True)), "UIR", *maps)


def bpr(settings, seed):
    """BPR; its learning rate and regularisation are those of plain gradient descent."""
    return BPR(
        k=settings["factors"],
        max_iter=settings["epochs"],
        learning_rate=settings["learning_rate"],
        lambda_reg=settings["regularization"],
        num_threads=THREADS,
        seed=seed,
    )


def lightgcn(settings, seed):
    """LightGCN with the original's settings."""
    return LightGCN(num_epochs=settings["epochs"], learning_rate=0.005, seed=seed)


serve({"BPR": fit(bpr), "LightGCN": fit(lightgcn)})
