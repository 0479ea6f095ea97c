"""Recommending what, and to whom, nobody has met yet: features first, then means of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array, hstack
from torch import Tensor

from recbook.checks import (
    check_count,
    check_kind,
    check_number,
    check_seed,
    check_share,
    check_tensor,
)
from recbook.data import Interactions, check_features, check_part
from recbook.losses import softmax_loss_in_blocks
from recbook.memory import check_memory
from recbook.models.base import BaseRecommender
from recbook.progress import progress
from recbook.sparse import check_csr, constant_product, mean_of_neighbors, sparse_rows

__all__ = ["GraphSAGE", "sage_layer"]

Pairs = tuple[Tensor, Tensor]
Inputs = tuple[Tensor, Tensor, Tensor | None]
Message = tuple[str, Tensor | None, Tensor]


def sage_layer(own: Tensor, own_weight: Tensor, *messages: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    r"""One layer: a node's own vector, mapped, plus its neighbours' mean, mapped.

    .. math:: h'_v = W_0 h_v + \sum_r W_r \frac{1}{|\mathcal{N}_r(v)|}
              \sum_{j \in \mathcal{N}_r(v)} h_j

    with a map for each kind of edge :math:`r`. A node without neighbours keeps its own part. With
    one kind of edge it is PyG's ``SAGEConv`` without its bias; with several, the sum that
    ``to_hetero`` makes, whose own maps, one for each kind, add up to :math:`W_0`.

    Args:
        own: the nodes' own vectors, shape ``(n, d)``.
        own_weight: :math:`W_0^\top`, shape ``(d, d')``.
        *messages: for each kind of edge the matrix of :func:`recbook.sparse.mean_of_neighbors`,
            shape ``(n, m)``, the neighbours' vectors, shape ``(m, d)``, and :math:`W_r^\top`, shape
            ``(d, d')``.

    Returns:
        Shape ``(n, d')``.

    Raises:
        TypeError: on what are no tensors of floats, or no sparse matrix.
        ValueError: on shapes that do not fit.

    Reference: Hamilton, Ying and Leskovec, Inductive Representation Learning on Large Graphs,
    NeurIPS 2017, algorithm 1 with the mean; there the two are concatenated before one map, which is
    the same.

    >>> means = mean_of_neighbors(torch.tensor([0, 0]), torch.tensor([0, 1]), size=(1, 2))
    >>> neighbors, weight = torch.tensor([[1.0], [3.0]]), torch.ones(1, 1)
    >>> sage_layer(torch.tensor([[10.0]]), weight, (means, neighbors, 2 * weight))  # 10 + 2 * 2
    tensor([[14.]])
    """
    check_tensor("own", own, "n", "d")
    result = own @ check_tensor("own_weight", own_weight, own.shape[1], "d'")
    for means, x, weight in messages:
        check_csr("means", means)
        check_tensor("own", own, len(means), "d", hint="a row for each row of means")
        check_tensor("x", x, means.shape[1], "d", hint="a row for each column of means")
        check_tensor("weight", weight, x.shape[1], result.shape[1])
        result = result + constant_product(means, x @ weight)
    return result


class GraphSAGE(BaseRecommender):
    r"""Vectors made of features and of neighbours' means, so that newcomers have them at once.

    Layer 0 is made of what is known of a node: features :math:`x`, for an item of train a row
    :math:`e_i` of a table (a feature that it alone has), and for a user the mean of what is known
    of the items that they name,

    .. math:: h_i = P x_i + e_i, \qquad
              h_u = Q x_u + \frac{1}{|\mathcal{N}_u|} \sum_{i \in \mathcal{N}_u} (P' x_i + e'_i)

    and each further layer is :func:`recbook.models.inductive.sage_layer` of the one below: with
    ``people`` between users and their items in both directions, with ``links`` between items.
    Scores are cosines of the last layer. Without layers it is a model of two towers, which no graph
    touches.

    Each step of training plays newcomers: it hides a share of the items whole (no pair, no
    :math:`e_i`), and of each user's other pairs a share drawn anew; what is left is the graph. All
    pairs have to be found by :func:`recbook.losses.softmax_loss`, among items of train alone: a new
    item is nobody's negative. Messages come from items and users of train alone, so that a newcomer
    changes nothing for others.

    Args:
        item_features: a row for each item, those without a pair in train as well, sparse or dense.
        user_features: a row for each user; None where nothing is known of them.
        links: which items are linked, shape ``(num_items, num_items)``; what is not zero is a link
            from the row's item to one whose vector it averages. None for none.
        people: whether users and items average over each other.
        embedding_dim: dimensions of all layers.
        num_layers: how often neighbours are averaged, 0 or more.
        table: whether items of train have rows :math:`e_i, e'_i` of their own.
        hidden: which share of the items a step hides whole.
        temperature: of the softmax.
        lr: Adam's learning rate.
        reg: weight of half the squared length of all parameters, over the number of items.
        steps: how many steps, each over all users.
        num_candidates: items that a step compares, drawn anew, those hidden and others alike; None
            for all of train.
        seed: of all that is drawn.

    Raises:
        TypeError, ValueError: on features or links that are no such tables, or numbers out of
            range; by ``fit``, on other numbers of users or items than there are rows.
        MemoryError: by ``fit``, where parameters and layers cannot fit.
        FloatingPointError: by ``fit``, where the loss is no longer finite.

    References: Hamilton et al., NeurIPS 2017, for the layers; Volkovs, Yu and Poutanen, DropoutNet:
    Addressing Cold Start in Recommender Systems, NeurIPS 2017, for hiding in training. There is no
    sampling of neighbours here, nothing between the layers that is not linear, as in LightGCN, and
    lengths are made 1 after the last alone. Training begins with maps :math:`W_0 = I`.

    >>> train = Interactions.from_pairs([0, 0, 1, 1], [0, 1, 2, 3], 3, 5)
    >>> kinds = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])  # item 4 is new
    >>> model = GraphSAGE(kinds, embedding_dim=4, num_layers=0).fit(train)
    >>> (model.score([0, 1])[:, 4] > 0).tolist()
    [False, True]
    """

    def __init__(
        self,
        item_features: Any,
        user_features: Any = None,
        links: Any = None,
        people: bool = True,
        embedding_dim: int = 64,
        num_layers: int = 1,
        table: bool = True,
        hidden: float = 0.3,
        temperature: float = 0.15,
        lr: float = 0.01,
        reg: float = 0.1,
        steps: int = 100,
        num_candidates: int | None = None,
        seed: int = 0,
    ) -> None:
        self.item_features = check_features("item_features", item_features)
        num_items = self.item_features.shape[0]
        self.user_features = self.links = None
        if user_features is not None:
            self.user_features = check_features("user_features", user_features)
        if links is not None:
            self.links = check_features("links", links, num_items, num_items)
        for name, value in (("people", people), ("table", table)):
            check_kind(name, value, bool)
        self.people, self.table = people, table
        self.embedding_dim = check_count("embedding_dim", embedding_dim)
        self.num_layers = check_count("num_layers", num_layers, least=0)
        self.hidden = check_share("hidden", hidden, zero=True)
        self.temperature = check_number("temperature", temperature, above=0)
        self.lr, self.reg = check_number("lr", lr, above=0), check_number("reg", reg, least=0)
        self.steps, self.num_candidates = check_count("steps", steps), num_candidates
        check_count("num_candidates", 1 if num_candidates is None else num_candidates)
        self.seed = check_seed(seed)

    def fit(self, train: Interactions) -> GraphSAGE:
        """Train from scratch, then keep all vectors."""
        check_part("train", train, num_items=self.item_features.shape[0])
        if self.user_features is not None:
            check_features("user_features", self.user_features, train.num_users)
        nodes = train.num_users + train.num_items
        rows = 2 * (self.item_features.shape[1] + self.table * train.num_items)
        check_memory(
            {
                "tables, gradients and Adam's two moments": (rows, self.embedding_dim, 4, 4),
                "layers and gradients": (nodes, self.embedding_dim, 2 * self.num_layers + 2, 4),
            },
            "use a smaller embedding_dim, or no table",
        )
        self.remember(train)
        self.known_users = None  # who names nothing has a list by their features
        self.known_items = known = train.item_degree > 0
        links = None if self.links is None else _means(self.links, known)
        users, items = self.user_features, self.item_features
        inputs = _features(users, self.num_users), _features(items, self.num_items), links
        generator = torch.Generator().manual_seed(self.seed)
        self.weights = self._first_weights(generator)
        decay = self.reg / self.num_items  # the gradient of half the squared length
        optimizer = torch.optim.Adam(
            self.weights.values(), lr=self.lr, weight_decay=decay, fused=True
        )
        for step in progress(range(self.steps), "step", delay=2):
            optimizer.zero_grad()
            loss = self._loss(train, inputs, generator)
            loss.backward()
            optimizer.step()
            if not loss.isfinite():
                found = f"the loss is {loss.item()} in step {step + 1} with lr={self.lr}"
                raise FloatingPointError(f"{found}; try a smaller lr")
        self.weights = {name: weight.detach() for name, weight in self.weights.items()}
        *below, (user, item) = self._layers(*inputs, (train.user, train.item), known)
        self.user_emb, self.item_emb = F.normalize(user), F.normalize(item)
        self.below = {  # what newcomers average over
            f"{side} {k}": layer
            for k, layers in enumerate(below)
            for side, layer in zip(("users", "items"), layers, strict=True)
        }
        self.below["named"] = self._known_of("named", inputs[1], known)
        return self

    def _loss(self, train: Interactions, inputs: Inputs, generator: torch.Generator) -> Tensor:
        """Hide some of train, and find it among the items of train."""
        known = train.item_degree > 0
        of_user, of_item = train.pairs_of(torch.arange(train.num_users))  # whatever their order
        hidden = torch.rand(train.num_items, generator=generator) < self.hidden
        share = torch.rand(train.num_users, generator=generator)
        shown = torch.rand(len(train), generator=generator) < share[of_user]
        shown &= ~hidden[of_item]
        given = of_user[shown], of_item[shown]
        user, item = self._layers(*inputs, given, known & ~hidden)[-1]
        drawn = torch.randperm(int(known.sum()), generator=generator)[: self.num_candidates]
        candidates = torch.nonzero(known).flatten()[drawn]
        place = torch.full((train.num_items,), -1)
        place[candidates] = torch.arange(len(candidates))
        asked = place[of_item] >= 0
        pairs = of_user[asked], place[of_item[asked]]
        score = F.normalize(user), F.normalize(item[candidates])
        return softmax_loss_in_blocks(*score, pairs, self.temperature)

    def _first_weights(self, generator: torch.Generator) -> dict[str, Tensor]:
        """All parameters, drawn in doubles so that they are the same on every CPU."""
        item, user = (
            1 + (0 if one is None else one.shape[1])
            for one in (self.item_features, self.user_features)
        )
        rows = {"user": user, "item": item, "named": item}
        if self.table:
            rows |= {"item table": self.num_items, "named table": self.num_items}
        kinds = ["user", "item"] + ["items of user", "users of item"] * self.people
        kinds += ["links"] * (self.links is not None)
        dim = self.embedding_dim
        rows |= {f"{kind}, layer {k + 1}": dim for k in range(self.num_layers) for kind in kinds}
        weights = {}
        for name, number in rows.items():
            normal = torch.randn(number, dim, generator=generator, dtype=torch.float64)
            weight = normal.mul_(0.02 if "layer" in name else 0.1).float()
            if name.startswith(("user, layer", "item, layer")):
                weight = torch.eye(dim)
            weights[name] = weight.requires_grad_()
        return weights

    def _layers(
        self, user_x: Tensor, item_x: Tensor, links: Tensor | None, pairs: Pairs, known: Tensor
    ) -> list[Pairs]:
        """All layers on a graph of ``pairs``; items that are ``known`` have rows of the table."""
        size = len(user_x), len(item_x)
        of_user = mean_of_neighbors(*pairs, size)
        of_item = None
        if self.people and self.num_layers:  # else a sort of all pairs for nothing
            of_item = mean_of_neighbors(pairs[1], pairs[0], size[::-1])
        named, item = (self._known_of(name, item_x, known) for name in ("named", "item"))
        layers = [(self._first_of_users(user_x, of_user, named), item)]
        for k in range(self.num_layers):
            user, item = layers[-1]
            layers.append(
                (
                    self._next("user", k, user, ("items of user", of_user, item)),
                    self._next(
                        "item", k, item, ("users of item", of_item, user), ("links", links, item)
                    ),
                )
            )
        return layers

    def _known_of(self, name: str, x: Tensor, known: Tensor) -> Tensor:
        """Items' features mapped, plus the rows of those that have one."""
        mapped = constant_product(x, self.weights[name])
        if not self.table:
            return mapped
        return mapped + known[:, None] * self.weights[f"{name} table"]

    def _first_of_users(self, x: Tensor, of_user: Tensor, named: Tensor) -> Tensor:
        """Layer 0 of users: their features, and the mean of what is known of their items."""
        return constant_product(x, self.weights["user"]) + constant_product(of_user, named)

    def _next(self, side: str, k: int, own: Tensor, *messages: Message) -> Tensor:
        """The layer above layer ``k`` of users or items; kinds without a map send nothing."""
        weights = self.weights
        mapped = [
            (means, x, weights[f"{kind}, layer {k + 1}"])
            for kind, means, x in messages
            if means is not None and f"{kind}, layer {k + 1}" in weights
        ]
        return sage_layer(own, weights[f"{side}, layer {k + 1}"], *mapped)

    def score(self, users: Tensor) -> Tensor:
        """Cosines with all items, new ones as well, shape ``(len(users), num_items)``.

        Raises:
            RuntimeError: before ``fit``.
        """
        users = self.positions(users)
        return self.user_emb[users] @ self.item_emb.T

    def user_vectors(self, named: Interactions, features: Any = None) -> Tensor:
        """Vectors of users who were not there in training.

        Args:
            named: the items that they name, with users numbered anew; who names none is known by
                features alone.
            features: a row for each of them; None where the model has no features of users.

        Returns:
            Shape ``(named.num_users, embedding_dim)``, to be multiplied with ``item_emb``.

        Raises:
            TypeError, ValueError: on other items, or features of another shape.
            RuntimeError: before ``fit``.
        """
        self.positions([])
        check_part("named", named, num_items=self.num_items, empty=True)
        given = _as_built("features", features, self.user_features, named.num_users)
        size = named.num_users, self.num_items
        of_user = mean_of_neighbors(named.user, named.item, size)
        x = _features(given, named.num_users)
        user = self._first_of_users(x, of_user, self.below["named"])
        for k in range(self.num_layers):
            user = self._next("user", k, user, ("items of user", of_user, self.below[f"items {k}"]))
        return F.normalize(user)

    def item_vectors(self, features: Any, links: Any = None) -> Tensor:
        """Vectors of items that were not there in training, by their features and links.

        Args:
            features: a row for each of them.
            links: which of the model's items each is linked to, shape ``(n, num_items)``; None
                where the model has no links.

        Returns:
            Shape ``(n, embedding_dim)``, to be multiplied with ``user_emb`` or ``user_vectors``.

        Raises:
            TypeError, ValueError: on features or links of another shape.
            RuntimeError: before ``fit``.
        """
        self.positions([])
        x = _features(_as_built("features", features, self.item_features))
        linked = _as_built("links", links, self.links, len(x))
        means = None if linked is None else _means(linked, self.known_items)
        item = constant_product(x, self.weights["item"])
        for k in range(self.num_layers):
            item = self._next("item", k, item, ("links", means, self.below[f"items {k}"]))
        return F.normalize(item)


def _as_built(
    name: str, given: Any, own: csr_array | None, rows: int | None = None
) -> csr_array | None:
    """Newcomers' features or links, of the form that the model was built with."""
    if (given is None) != (own is None):
        raise ValueError(
            f"{name}: got {'none' if given is None else 'some'} for a model that was built "
            f"{'without' if own is None else 'with'}, expected as it was built"
        )
    if own is None:
        return None
    return check_features(name, given, rows, own.shape[1])


def _features(matrix: csr_array | None, rows: int = 0) -> Tensor:
    """Features with a column of ones besides, in floats of PyTorch."""
    own = csr_array((rows, 0)) if matrix is None else matrix
    entries = hstack([own, np.ones((own.shape[0], 1))], format="csr").tocoo()
    row, column = (torch.from_numpy(part.astype(np.int64)) for part in entries.coords)
    return sparse_rows(row, column, torch.from_numpy(entries.data).float(), entries.shape)


def _means(links: csr_array, known: Tensor) -> Tensor:
    """Means over links to items of train."""
    row, column = (torch.from_numpy(part.astype(np.int64)) for part in links.nonzero())
    return mean_of_neighbors(row[known[column]], column[known[column]], links.shape)
