"""What training minimises."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from recbook.checks import check_count, check_number, check_tensor

__all__ = ["bpr_loss", "l2_penalty", "softmax_loss", "softmax_loss_in_blocks"]


def bpr_loss(pos_score: Tensor, neg_score: Tensor) -> Tensor:
    r"""Bayesian personalised ranking: the positive should score above the negative.

    .. math:: L = -\frac{1}{B} \sum_b \ln \sigma(s^+_b - s^-_b)
              = \frac{1}{B} \sum_b \mathrm{softplus}(s^-_b - s^+_b)

    The second form cannot overflow: :math:`\ln\sigma(x)` rounds to :math:`\ln 0` for large
    negative :math:`x`, softplus grows linearly there.

    Args:
        pos_score: scores of the positives, shape ``(B,)``.
        neg_score: scores of the negatives, shape ``(B,)`` or ``(num_negatives, B)``.

    Returns:
        The mean over all pairs of a positive and a negative, a scalar. (Rendle et al. sum; a mean
        keeps the learning rate independent of the batch size.) NaN where a score is NaN.

    Raises:
        TypeError: on what is no tensor of floats.
        ValueError: on other shapes, which PyTorch would stretch to fit, or no score at all.

    Reference: Rendle et al., BPR: Bayesian Personalized Ranking from Implicit Feedback, UAI 2009,
    section 4.1.

    >>> round(bpr_loss(torch.tensor([2.0]), torch.tensor([2.0])).item(), 4)  # ln 2: a coin toss
    0.6931
    """
    check_tensor("pos_score", pos_score, "B")
    many = isinstance(neg_score, Tensor) and neg_score.ndim == 2
    shape = ("num_negatives", len(pos_score)) if many else (len(pos_score),)
    check_tensor("neg_score", neg_score, *shape, hint="a negative for each positive, or a row each")
    if neg_score.numel() == 0:
        raise ValueError("got no score, expected at least one pair of a positive and a negative")
    return F.softplus(neg_score - pos_score).mean()


def softmax_loss(score: Tensor, positive: Tensor, temperature: float = 0.3) -> Tensor:
    r"""Each positive should win against all items at once.

    .. math:: L = -\frac{1}{|P|} \sum_{(u, i) \in P}
              \ln \frac{\exp(s_{ui} / \tau)}{\sum_j \exp(s_{uj} / \tau)}

    with :math:`P` the positives of the batch's users and :math:`\tau` the temperature: the lower,
    the more the highest scoring items count.

    Args:
        score: scores of all items, mostly cosines, shape ``(B, num_items)``.
        positive: true where the user has the item, ``bool`` of shape ``(B, num_items)``.
        temperature: :math:`\tau`, above 0.

    Returns:
        The mean over the positives, a scalar; 0 where there is none. NaN where a score of a user
        with a positive is NaN.

    Raises:
        TypeError: on scores that are no floats, or a ``positive`` that is no mask.
        ValueError: on a temperature of 0 or less, or shapes that differ.

    Reference: Liang et al., Variational Autoencoders for Collaborative Filtering, WWW 2018,
    section 2.2 (multinomial likelihood); Wu et al., On the Effectiveness of Sampled Softmax Loss
    for Item Recommendation, TOIS 42(4), 2024 (cosines and temperature).

    >>> mine = torch.tensor([[True, False]])
    >>> round(softmax_loss(torch.zeros(1, 2), mine).item(), 4)  # ln 2: one of two, at random
    0.6931
    """
    check_number("temperature", temperature, above=0, hint="e.g. 0.3")
    check_tensor("score", score, "B", "num_items")
    check_tensor("positive", positive, *score.shape, of="truth values", hint="the shape of score")
    log_share = F.log_softmax(score / temperature, dim=1)
    return -log_share.masked_fill(~positive, 0).sum() / positive.sum().clamp(min=1)


def softmax_loss_in_blocks(
    user_emb: Tensor,
    item_emb: Tensor,
    positive: tuple[Tensor, Tensor],
    temperature: float = 0.3,
    block: int = 1024,
) -> Tensor:
    r""":func:`softmax_loss` of dot products, with the scores of ``block`` users in memory at most.

    The gradient needs no second pass, because it is known in closed form: with :math:`p_{uj}` the
    share of item :math:`j` and :math:`n_u` the number of the user's positives,

    .. math:: \frac{\partial L}{\partial s_{uj}} =
              \frac{n_u \, p_{uj} - [(u, j) \in P]}{|P| \, \tau}

    After ``torch.set_float32_matmul_precision("medium")`` scores and shares have 8 significant bits
    (one of 5 is off by up to a hundredth) where a processor multiplies bfloat16 (``avx512_bf16``,
    ``amx_bf16``), two to four times as fast; what is summed over blocks stays in floats.

    Args:
        user_emb: final embeddings of the batch's users, shape ``(B, embedding_dim)``.
        item_emb: those of all items, shape ``(num_items, embedding_dim)``.
        positive: :math:`P` as ``(row, item)``, rows ascending; see
            :meth:`recbook.data.Interactions.pairs_of`.
        temperature: :math:`\tau`, above 0.
        block: users at a time; the result does not depend on it, memory does.

    Returns:
        A scalar, 0 where there is no positive.

    Raises:
        TypeError: on embeddings that are no floats, or pairs that are no positions.
        ValueError: on a number or pairs out of range, unlike dimensions, or pairs out of order.
    """
    check_number("temperature", temperature, above=0, hint="e.g. 0.3")
    check_count("block", block, hint="users to score at a time")
    check_tensor("user_emb", user_emb, "B", "embedding_dim")
    check_tensor("item_emb", item_emb, "num_items", user_emb.shape[1], hint="as long as a user's")
    if not isinstance(positive, tuple) or len(positive) != 2:
        raise TypeError(f"got positive={type(positive).__name__}, expected the pair (row, item)")
    row, item = positive
    check_tensor("row", row, "n", of="positions", number=len(user_emb))
    check_tensor("item", item, len(row), of="positions", number=len(item_emb))
    if (row[1:] < row[:-1]).any():
        raise ValueError("row: got rows out of order, expected ascending; sort the pairs by row")
    return _SoftmaxInBlocks.apply(user_emb, item_emb, *positive, temperature, block)


class _SoftmaxInBlocks(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        user_emb: Tensor,
        item_emb: Tensor,
        row: Tensor,
        item: Tensor,
        temperature: float,
        block: int,
    ) -> Tensor:
        # Where d is no multiple of 16, products take up to twice as long: zeros fill it up.
        (num_items, dim), full = item_emb.shape, user_emb.dtype
        rough = full == torch.float32 and torch.get_float32_matmul_precision() == "medium"
        if rough and user_emb.is_cpu:
            has: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # or cannot say
            rough = has.get("avx512_bf16", True) or has.get("amx_bf16", True)
        dtype = torch.bfloat16 if rough else full
        users = F.pad(user_emb / temperature, (0, -dim % 16)).to(dtype)
        items = F.pad(item_emb, (0, -dim % 16, 0, -num_items % 16)).to(dtype)
        loss = user_emb.new_zeros(())
        user_grad = torch.empty_like(users, dtype=full)
        item_grad = torch.zeros_like(items, dtype=full)
        count = torch.bincount(row, minlength=len(users))
        ends = count.cumsum(0)
        for first in range(0, len(users), block):
            some = slice(first, first + block)
            number = count[some]
            mine = slice(int(ends[first] - count[first]), int(ends[some][-1]))
            pair = row[mine] - first, item[mine]
            score = users[some] @ items.T
            score[:, num_items:] = -torch.inf
            highest = score.amax(1)
            loss += (highest * number).sum() - score[pair].sum(dtype=full)
            share = torch.softmax(score, 1, out=score)
            loss -= (share.amax(1).log() * number).sum()  # the highest less the sum's logarithm
            share.mul_(number[:, None])
            share[pair] -= 1
            user_grad[some] = share @ items
            item_grad += share.T @ users[some]
        num = max(len(row), 1)
        user_grad, item_grad = user_grad[:, :dim] / temperature, item_grad[:num_items, :dim]
        ctx.save_for_backward(user_grad / num, item_grad / num)
        return loss / num

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> tuple[Tensor | None, ...]:
        user_grad, item_grad = ctx.saved_tensors
        return grad[0] * user_grad, grad[0] * item_grad, None, None, None, None


def l2_penalty(*embeddings: Tensor) -> Tensor:
    r"""Half the squared norm of a batch's embeddings, a triplet's mean.

    .. math:: \frac{1}{2B} \sum_b \sum_{x \in \{u, i, j\}} \|e_x^{(0)}\|^2

    Args:
        *embeddings: each of shape ``(B, embedding_dim)``. LightGCN penalises its layer-0
            embeddings, the only parameters that it has (equation 15 of its paper).

    Returns:
        A scalar; multiply it by ``reg``.

    Raises:
        TypeError: on what are no tensors of floats, or none at all.
        ValueError: where they differ in shape, or have no row.

    >>> l2_penalty(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 2.0]])).item()
    14.5
    """
    if not embeddings:
        raise TypeError("got no embeddings, expected those of users, items, negatives")
    shape: tuple[int | str, ...] = ("B", "embedding_dim")
    for x in embeddings:
        shape = tuple(check_tensor("embeddings", x, *shape, hint="all alike").shape)
    if len(embeddings[0]) == 0:
        raise ValueError("got embeddings of shape (0, ...), expected a row for each triplet")
    return sum((_HalfSquares.apply(x) for x in embeddings), torch.zeros(())) / len(x)


class _HalfSquares(torch.autograd.Function):
    """Half the sum of the squares, whose gradient is what was squared: one product, and not six."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.dot(x.flatten(), x.flatten()) / 2

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return ctx.saved_tensors[0] * grad[0]
