"""RecBole's LightGCN, NGCF and BPR, trained by its own trainer, an epoch at a time."""

import logging
import tempfile
from pathlib import Path

import numpy as np
from harness import serve
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed


def fit(name):
    """How to train the model that RecBole calls ``name``."""

    def run(data, settings, watch):
        with tempfile.TemporaryDirectory() as folder:
            write(data, Path(folder) / "split")
            config = Config(
                model=name,
                dataset="split",
                config_dict=configuration(folder, settings) | {"seed": watch.seed},
            )
            logging.disable()
            init_seed(config["seed"], config["reproducibility"])
            train, _, test = data_preparation(config, create_dataset(config))
            model = get_model(name)(config, train.dataset)
            trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
            watch.start()
            for epoch in range(settings["epochs"]):
                trainer._train_epoch(train, epoch)
                watch.lap(lambda: scores(data, trainer, test))

        def evaluate():
            trainer.evaluate(test, load_best_model=False)
            return len(np.unique(data.target_user))

        return lambda: scores(data, trainer, test), evaluate

    return run


def configuration(folder, settings):
    """RecBole's settings, but for those that the job names."""
    return {
        "data_path": folder,
        "checkpoint_dir": folder,
        "benchmark_filename": ["train", "valid", "test"],
        "load_col": {"inter": ["user_id", "item_id"]},
        "train_batch_size": 1024,
        "eval_args": {"group_by": "user", "order": "RO", "mode": "full"},
        "metrics": ["Recall", "NDCG", "Precision", "Hit"],
        "valid_metric": "Recall@20",
        "topk": [20],
        "use_gpu": False,
        "show_progress": False,
        **{key: value for key, value in settings.items() if key != "epochs"},
    }


def write(data, folder):
    """The split as RecBole's files; its validation part, which nothing reads, is the target too."""
    folder.mkdir()
    for name, part in (("train", "train"), ("valid", "target"), ("test", "target")):
        pairs = zip(getattr(data, f"{part}_user"), getattr(data, f"{part}_item"), strict=True)
        lines = [f"{user}\t{item}\n" for user, item in pairs]
        header = "user_id:token\titem_id:token\n"
        (folder / f"split.{name}.inter").write_text(header + "".join(lines))


def scores(data, trainer, test):
    """All scores, its ids put back in the split's order; what it does not know scores lowest."""
    import torch

    model, dataset = trainer.model, test.dataset
    model.eval()
    with torch.no_grad():
        users = torch.arange(dataset.user_num)
        known = model.full_sort_predict({dataset.uid_field: users}).view(len(users), -1).numpy()
    model.restore_user_e = model.restore_item_e = None
    position = [
        np.array([int(token) for token in dataset.field2id_token[field][1:]])
        for field in (dataset.uid_field, dataset.iid_field)
    ]
    score = np.full((data.num_users, data.num_items), known.min(), np.float32)
    score[np.ix_(*position)] = known[1:, 1:]
    return score


serve({name: fit(name) for name in ("LightGCN", "NGCF", "BPR")})
