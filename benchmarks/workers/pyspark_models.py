"""Spark's alternating least squares in local mode: one machine, a task for each thread."""

import os

import numpy as np
from harness import serve
from pyspark.ml.recommendation import ALS
from pyspark.sql import SparkSession

THREADS = int(os.environ["OMP_NUM_THREADS"])
SPARK = SparkSession.builder.master(f"local[{THREADS}]").getOrCreate()
SPARK.sparkContext.setCheckpointDir("checkpoints")  # else its plans outgrow the stack
JVM = SPARK._jvm.java.lang.ProcessHandle.current().pid()  # where Spark's memory is


def als(data, settings, watch):
    """How to train Spark's model for implicit feedback; an epoch is a sweep."""
    pairs = zip(data.train_user.tolist(), data.train_item.tolist(), strict=True)
    ones = [(user, item, 1.0) for user, item in pairs]
    frame = SPARK.createDataFrame(ones, "user int, item int, rating float").cache()
    frame.count()  # reads it
    own = {key: value for key, value in settings.items() if key != "epochs"}
    blocks = {"numUserBlocks": THREADS, "numItemBlocks": THREADS}  # with its own ten it is slower
    model = ALS(implicitPrefs=True, maxIter=settings["epochs"], seed=watch.seed, **blocks, **own)
    watch.start()
    fitted = model.fit(frame)

    def score():
        user_emb = table(fitted.userFactors, data.num_users, fitted.rank)
        return user_emb @ table(fitted.itemFactors, data.num_items, fitted.rank).T

    watch.lap(score)
    return score, None  # its lists cannot leave out what a user has seen


def table(factors, rows, rank):
    """The embeddings by position; 0 where Spark has none, because nothing is known."""
    emb = np.zeros((rows, rank), np.float32)
    for row in factors.collect():
        emb[row.id] = row.features
    return emb


serve({"ALS": als}, processes=("self", JVM))
