"""implicit's alternating least squares and BPR."""

from harness import csr, serve
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.evaluation import ranking_metrics_at_k
from threadpoolctl import threadpool_limits

threadpool_limits(1, "blas")  # it warns of more: its own threads do the work


def fit(model_class):
    """How to train a model of this class."""

    def run(data, settings, watch):
        seen, target = csr(data), csr(data, "target")
        own = {key: value for key, value in settings.items() if key != "epochs"}
        model = model_class(**own, iterations=settings["epochs"], random_state=watch.seed)

        def score():
            return model.user_factors @ model.item_factors.T

        watch.start()
        model.fit(seen, show_progress=False, callback=lambda *_: watch.lap(score))

        def evaluate():
            ranking_metrics_at_k(model, seen, target, K=20, show_progress=False, num_threads=0)
            return len(set(data.target_user.tolist()))

        return score, evaluate

    return run


serve({"ALS": fit(AlternatingLeastSquares), "BPR": fit(BayesianPersonalizedRanking)})
