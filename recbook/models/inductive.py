"""Recommending what, and to whom, nobody has met yet: features first, then means of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array, hstack, vstack
from torch import Tensor

from recbook.checks import check_count, check_kind, check_number, check_seed, check_share
from recbook.data import Interactions, check_features, check_part
from recbook.losses import softmax_loss_in_blocks
from recbook.models.base import BaseRecommender
from recbook.progress import progress
from recbook.sparse import sparse_product, sparse_rows

__all__ = ["GraphSAGE", "mean_of_neighbors", "sage_layer"]

Pairs = tuple[Tensor, Tensor]
Inputs = tuple[Tensor, Tensor, Tensor | None]


def mean_of_neighbors(row: Tensor, column: Tensor, size: tuple[int, int]) -> Tensor:
    r"""The sparse matrix that averages: :math:`M_{vj} = 1/|\mathcal{N}_v|` for each neighbour.

    Args:
        row: the node that averages, for each edge, shape ``(E,)``.
        column: its neighbour, shape ``(E,)``.
        size: how many nodes average, and how many can be neighbours.

    Returns:
        Sparse CSR tensor of this size; the row of a node without neighbours is empty.

    Raises:
        TypeError: on what are no positions.
        ValueError: on a position that is out of range, or an edge that is there twice.

    >>> row, column = torch.tensor([1, 0, 0]), torch.tensor([2, 1, 0])
    >>> mean_of_neighbors(row, column, size=(2, 3)).to_dense()
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 1.0000]])
    """
    order = torch.argsort(row * size[1] + column)
    row, column = row[order], column[order]
    share = 1 / torch.bincount(row, minlength=size[0])
    return sparse_rows(row, column, share[row], size)


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
        *messages: for each kind of edge the matrix of :func:`mean_of_neighbors`, shape ``(n, m)``,
            the neighbours' vectors, shape ``(m, d)``, and :math:`W_r^\top`, shape ``(d, d')``.

    Returns:
        Shape ``(n, d')``.

    Reference: Hamilton, Ying and Leskovec, Inductive Representation Learning on Large Graphs,
    NeurIPS 2017, algorithm 1 with the mean; there the two are concatenated before one map, which is
    the same.

    >>> means = mean_of_neighbors(torch.tensor([0, 0]), torch.tensor([0, 1]), size=(1, 2))
    >>> neighbors, weight = torch.tensor([[1.0], [3.0]]), torch.ones(1, 1)
    >>> sage_layer(torch.tensor([[10.0]]), weight, (means, neighbors, 2 * weight))  # 10 + 2 * 2
    tensor([[14.]])
    """
    mapped = (sparse_product(means, x @ weight) for means, x, weight in messages)
    return sum(mapped, own @ own_weight)


class GraphSAGE(BaseRecommender):
    r"""Vectors made of features and of neighbours' means, so that newcomers have them at once.

    Layer 0 is made of what is known of a node: features :math:`x`, for an item of train a row
    :math:`e_i` of a table (a feature that it alone has), and for a user the mean of what is known
    of the items that they name,

    .. math:: h_i = P x_i + e_i, \qquad
              h_u = Q x_u + \frac{1}{|\mathcal{N}_u|} \sum_{i \in \mathcal{N}_u} (P' x_i + e'_i)

    and each further layer is :func:`sage_layer` of :math:`\max(h, 0)`: with ``people`` between
    users and their items in both directions, with ``links`` between items. Scores are cosines of
    the last layer. Without layers it is a model of two towers, which no graph touches; with layers,
    but neither ``people`` nor ``links``, these towers have hidden layers.

    Each step of training plays newcomers: it hides a share of the items whole (no pair, no
    :math:`e_i`), and of each user's other pairs a share drawn anew; what is left is the graph, and
    what is hidden has to be found by the softmax of :func:`recbook.losses.softmax_loss`, among
    items of train alone: a new item is nobody's negative. Messages come from items and users of
    train alone, so that a newcomer changes nothing for others.

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
        FloatingPointError: by ``fit``, where the loss is no longer finite.

    References: Hamilton et al., NeurIPS 2017, for the layers; Volkovs, Yu and Poutanen, DropoutNet:
    Addressing Cold Start in Recommender Systems, NeurIPS 2017, for hiding in training. There is no
    sampling of neighbours here, and lengths are made 1 after the last layer alone.

    >>> train = Interactions.from_pairs([0, 0, 1, 1], [0, 1, 2, 3], 3, 5)
    >>> kinds = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])  # item 4 is new
    >>> model = GraphSAGE(kinds, embedding_dim=4, steps=50).fit(train)
    >>> model.score([1]).argsort(descending=True)[0, :3].sort().values.tolist()
    [2, 3, 4]
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
            self.links = check_features("links", links, num_items)
            if self.links.shape[1] != num_items:
                raise ValueError(
                    f"links: got shape {self.links.shape}, expected {(num_items, num_items)}: "
                    "as many rows and columns as item_features has rows"
                )
        check_kind("people", people, bool)
        check_kind("table", table, bool)
        self.people, self.table = people, table
        self.embedding_dim = check_count("embedding_dim", embedding_dim)
        self.num_layers = check_count("num_layers", num_layers, least=0)
        self.hidden = check_share("hidden", hidden, zero=True)
        self.temperature = check_number("temperature", temperature, above=0)
        self.lr = check_number("lr", lr, above=0)
        self.reg = check_number("reg", reg, least=0)
        self.steps = check_count("steps", steps)
        self.num_candidates = num_candidates
        if num_candidates is not None:
            check_count("num_candidates", num_candidates)
        self.seed = check_seed(seed)

    def fit(self, train: Interactions) -> GraphSAGE:
        """Train from scratch, then keep all vectors."""
        check_part("train", train, num_items=self.item_features.shape[0])
        if self.user_features is not None:
            check_features("user_features", self.user_features, train.num_users)
        self.remember(train)
        self.known_users = None  # who names nothing has a list by their features
        generator = torch.Generator().manual_seed(self.seed)
        self.weights = self._first_weights(generator)
        for weight in self.weights.values():
            weight.requires_grad_()
        optimizer = torch.optim.Adam(self.weights.values(), lr=self.lr)
        inputs = self._inputs()
        for step in progress(range(self.steps), "step", delay=2):
            optimizer.zero_grad()
            loss = self._loss(inputs, generator)
            loss.backward()
            optimizer.step()
            if not loss.isfinite():
                raise FloatingPointError(
                    f"the loss is {loss.item()} in step {step + 1} with lr={self.lr}; try a "
                    "smaller lr"
                )
        self.weights = {name: weight.detach() for name, weight in self.weights.items()}
        pairs = train.user, train.item
        self.user_emb, self.item_emb = self._layers(inputs, pairs, pairs, train.item_degree > 0)
        return self

    def _loss(self, inputs: Inputs, generator: torch.Generator) -> Tensor:
        """Hide some of train, and find it among the items of train."""
        train = self._trained_on()
        known = train.item_degree > 0
        hidden = torch.rand(train.num_items, generator=generator) < self.hidden
        share = torch.rand(train.num_users, generator=generator)
        shown = torch.rand(len(train), generator=generator) < share[train.user]
        shown &= ~hidden[train.item]
        given, asked = ((train.user[some], train.item[some]) for some in (shown, ~shown))
        user_emb, item_emb = self._layers(inputs, given, given, known & ~hidden)
        drawn = torch.randperm(int(known.sum()), generator=generator)[: self.num_candidates]
        candidates = torch.nonzero(known).flatten()[drawn]
        place = torch.full((train.num_items,), -1)
        place[candidates] = torch.arange(len(candidates))
        row, item = asked[0], place[asked[1]]
        order = torch.argsort(row[item >= 0])
        pairs = row[item >= 0][order], item[item >= 0][order]
        loss = softmax_loss_in_blocks(user_emb, item_emb[candidates], pairs, self.temperature)
        length = torch.stack([weight.square().sum() for weight in self.weights.values()]).sum()
        return loss + self.reg / (2 * train.num_items) * length

    def _first_weights(self, generator: torch.Generator) -> dict[str, Tensor]:
        """All parameters, drawn in doubles so that they are the same on every CPU."""
        dim, num_items = self.embedding_dim, self.num_items
        item, user = (
            1 + (0 if one is None else one.shape[1])
            for one in (self.item_features, self.user_features)
        )
        rows = {"item": item, "user": user, "named": item}
        if self.table:
            rows |= {"item table": num_items, "named table": num_items}
        kinds = ["item", "user"] + ["users of item", "items of user"] * self.people
        kinds += ["links"] * (self.links is not None)
        rows |= {f"{kind}, layer {k + 1}": dim for k in range(self.num_layers) for kind in kinds}
        return {
            name: (0.1 if "layer" not in name else dim**-0.5)
            * torch.randn(number, dim, generator=generator, dtype=torch.float64).float()
            for name, number in rows.items()
        }

    def _inputs(
        self,
        users: csr_array | None = None,
        items: csr_array | None = None,
        links: csr_array | None = None,
    ) -> Inputs:
        """Features with a one besides, and means over links; newcomers' stand below the model's."""
        of_users = [
            csr_array((self.num_users, 0)) if self.user_features is None else self.user_features
        ]
        of_items = [self.item_features]
        user_x, item_x = (
            _tensor(
                hstack(
                    [one := vstack(own + [more] * (more is not None)), np.ones((one.shape[0], 1))]
                )
            )
            for own, more in ((of_users, users), (of_items, items))
        )
        if self.links is None:
            return user_x, item_x, None
        linked = vstack([self.links] + [links] * (links is not None)).tocoo()
        row, column = (torch.from_numpy(part.astype(np.int64)) for part in linked.coords)
        heard = (self.fitted_on.item_degree > 0)[column]
        return user_x, item_x, mean_of_neighbors(row[heard], column[heard], (len(item_x),) * 2)

    def _layers(self, inputs: Inputs, named: Pairs, readers: Pairs, known: Tensor) -> Pairs:
        """The last layer of all users and items, of length 1.

        Args:
            inputs: see :meth:`_inputs`.
            named: which user names which item.
            readers: which of these pairs items average over.
            known: which items have rows in the table.
        """
        user_x, item_x, links = inputs
        weights = self.weights
        item, seen = (sparse_product(item_x, weights[name]) for name in ("item", "named"))
        if self.table:
            rows = torch.nonzero(known).flatten()
            item = item.index_add(0, rows, weights["item table"][rows])
            seen = seen.index_add(0, rows, weights["named table"][rows])
        size = len(user_x), len(item_x)
        of_user = mean_of_neighbors(*named, size)
        of_item = mean_of_neighbors(*reversed(readers), size[::-1])
        user = sparse_product(user_x, weights["user"]) + sparse_product(of_user, seen)
        for k in range(self.num_layers):
            at = f", layer {k + 1}"
            item, user = item.relu(), user.relu()
            to_item, to_user = [], []
            if self.people:
                to_item.append((of_item, user, weights["users of item" + at]))
                to_user.append((of_user, item, weights["items of user" + at]))
            if links is not None:
                to_item.append((links, item, weights["links" + at]))
            item, user = (
                sage_layer(item, weights["item" + at], *to_item),
                sage_layer(user, weights["user" + at], *to_user),
            )
        return F.normalize(user), F.normalize(item)

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
        train = self._trained_on()
        check_part("named", named, num_items=self.num_items, empty=True)
        more = self._more("features", features, self.user_features, named.num_users)
        pairs = train.user, train.item
        both = (
            torch.cat([train.user, named.user + self.num_users]),
            torch.cat([train.item, named.item]),
        )
        inputs = self._inputs(users=csr_array((named.num_users, 0)) if more is None else more)
        return self._layers(inputs, both, pairs, train.item_degree > 0)[0][self.num_users :]

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
        train = self._trained_on()
        number = check_features("features", features).shape[0]
        items = self._more("features", features, self.item_features, number)
        more = self._more("links", links, self.links, number)
        pairs = train.user, train.item
        inputs = self._inputs(items=items, links=more)
        return self._layers(inputs, pairs, pairs, train.item_degree > 0)[1][self.num_items :]

    def _trained_on(self) -> Interactions:
        self.positions([])
        if self.fitted_on is None:
            raise RuntimeError(
                "got a model that was loaded without the part it was trained on, whose users and "
                "items a newcomer averages over, expected it; save it with the split of its fit"
            )
        return self.fitted_on

    def _more(self, name: str, given: Any, own: csr_array | None, rows: int) -> csr_array | None:
        """Rows of newcomers to stand below the model's own."""
        if (given is None) != (own is None):
            raise ValueError(
                f"{name}: got {'none' if given is None else 'some'} for a model that was built "
                f"{'without' if own is None else 'with'}, expected as it was built"
            )
        if own is None:
            return None
        more = check_features(name, given, rows)
        if more.shape[1] != own.shape[1]:
            raise ValueError(f"{name}: got shape {more.shape}, expected {own.shape[1]} columns")
        return more


def _tensor(matrix: Any) -> Tensor:
    """A SciPy matrix in floats of PyTorch."""
    entries = csr_array(matrix).tocoo()
    row, column = (torch.from_numpy(part.astype(np.int64)) for part in entries.coords)
    return sparse_rows(row, column, torch.from_numpy(entries.data).float(), entries.shape)
