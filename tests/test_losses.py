import math

import pytest
import torch

from recbook.losses import bpr_loss, l2_penalty, softmax_loss, softmax_loss_in_blocks


def test_bpr_by_hand() -> None:
    # differences 0 and ln 3: ln 2 and ln(1 + 1/3), mean (ln 2 + ln 4/3) / 2
    loss = bpr_loss(torch.tensor([1.0, math.log(3)]), torch.tensor([1.0, 0.0]))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4 / 3)) / 2)


def test_bpr_is_minus_log_sigmoid_and_does_not_overflow() -> None:
    pos, neg = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(bpr_loss(pos, neg), -torch.sigmoid(pos - neg).log().mean())
    low = torch.tensor([-1e4], requires_grad=True)
    loss = bpr_loss(low, torch.tensor([0.0]))
    loss.backward()
    assert (loss.item(), low.grad.item()) == (1e4, -1)


def test_bpr_pulls_positives_up() -> None:
    scores = torch.zeros(2, 3, requires_grad=True)
    bpr_loss(scores[0], scores[1]).backward()
    assert scores.grad is not None
    assert scores.grad[0].tolist() == pytest.approx([-1 / 6] * 3)
    assert scores.grad[1].tolist() == pytest.approx([1 / 6] * 3)


def test_l2_is_a_mean_over_the_batch() -> None:
    one = torch.tensor([[1.0, 2.0]])
    assert l2_penalty(one, one, one).item() == 7.5
    assert l2_penalty(one.repeat(4, 1), one.repeat(4, 1), one.repeat(4, 1)).item() == 7.5


def test_softmax_by_brute_force() -> None:
    score = torch.tensor([[0.2, 0.9, -0.4], [0.5, 0.1, 0.3]])
    positive = torch.tensor([[True, False, True], [False, True, False]])
    expected = 0.0
    for user, item in ((0, 0), (0, 2), (1, 1)):
        share = torch.exp(score[user] / 0.3)
        expected -= math.log(share[item] / share.sum()) / 3
    assert softmax_loss(score, positive, temperature=0.3).item() == pytest.approx(expected)


def test_softmax_ignores_a_shift_and_cannot_overflow() -> None:
    score = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    positive = score > 0.5
    shifted = softmax_loss(score + 7, positive)
    torch.testing.assert_close(softmax_loss(score, positive), shifted)
    assert softmax_loss(1e4 * score, positive).isfinite()
    assert softmax_loss(score, torch.zeros_like(positive)).item() == 0


def test_the_temperature_that_is_not_named() -> None:
    score = torch.randn(4, 9, generator=torch.Generator().manual_seed(1))
    positive = score > 0.5
    assert softmax_loss(score, positive) == softmax_loss(score, positive, temperature=0.3)
    pairs = torch.nonzero(positive, as_tuple=True)
    blocks = softmax_loss_in_blocks(score, torch.eye(9), pairs)
    torch.testing.assert_close(blocks, softmax_loss(score, positive))


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_a_temperature_that_is_none(temperature: float) -> None:
    with pytest.raises(ValueError, match=f"temperature={temperature}, expected a number above"):
        softmax_loss(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), temperature)
    pair = torch.tensor([0]), torch.tensor([1])
    with pytest.raises(ValueError, match=f"temperature={temperature}, expected a number above"):
        softmax_loss_in_blocks(torch.zeros(1, 2), torch.zeros(2, 2), pair, temperature)


@pytest.mark.parametrize("block", [1, 3, 100])
def test_softmax_in_blocks_is_the_softmax(block: int) -> None:
    generator = torch.Generator().manual_seed(0)
    user_emb = torch.randn(7, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    item_emb = torch.randn(11, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    positive = torch.rand(7, 11, generator=generator) < 0.3
    positive[2] = False  # a user without a positive
    expected = softmax_loss(user_emb @ item_emb.T, positive, 0.4)
    row, item = torch.nonzero(positive, as_tuple=True)
    loss = softmax_loss_in_blocks(user_emb, item_emb, (row, item), 0.4, block)
    torch.testing.assert_close(loss, expected)
    ours, theirs = (torch.autograd.grad(3 * x, (user_emb, item_emb)) for x in (loss, expected))
    torch.testing.assert_close(ours, theirs)


def test_softmax_in_blocks_in_bfloat16_where_pytorch_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has = {"avx512_bf16": False, "amx_bf16": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", has.copy, raising=False)
    generator = torch.Generator().manual_seed(0)
    user_emb = torch.randn(70, 5, generator=generator, requires_grad=True)
    item_emb = torch.randn(110, 5, generator=generator, requires_grad=True)
    positive = torch.nonzero(torch.rand(70, 110, generator=generator) < 0.1, as_tuple=True)

    def run(dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
        emb = user_emb.to(dtype), item_emb.to(dtype)
        loss = softmax_loss_in_blocks(*emb, positive, 0.4, block=16)
        return [loss.float(), *torch.autograd.grad(loss, (user_emb, item_emb))]

    exact, doubles = run(), run(torch.float64)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        rough, still_doubles = run(), run(torch.float64)
        has["amx_bf16"] = False
        as_before = run()  # in bfloat16 it would be slower than in floats
    finally:
        torch.set_float32_matmul_precision(before)
    for one, other in zip(rough, exact, strict=True):
        assert 1e-5 < (one - other).norm() / other.norm() < 0.02
    torch.testing.assert_close(exact, doubles)
    torch.testing.assert_close(still_doubles, doubles, rtol=0, atol=0)
    torch.testing.assert_close(as_before, exact, rtol=0, atol=0)


def test_softmax_in_blocks_of_one_pair() -> None:
    pair = torch.tensor([1]), torch.tensor([2])  # equal scores: one item of four
    loss = softmax_loss_in_blocks(torch.ones(2, 3), torch.ones(4, 3), pair)
    assert loss.item() == pytest.approx(math.log(4))


def test_softmax_in_blocks_of_nothing_and_of_no_block() -> None:
    none = torch.tensor([], dtype=torch.long)
    assert softmax_loss_in_blocks(torch.ones(2, 3), torch.ones(4, 3), (none, none)).item() == 0
    with pytest.raises(ValueError, match="got block=0"):
        softmax_loss_in_blocks(torch.ones(2, 3), torch.ones(4, 3), (none, none), block=0)


def test_bpr_of_several_negatives_is_the_mean_over_all_pairs() -> None:
    pos, neg = torch.tensor([1.0, 2.0]), torch.tensor([[0.0, 2.0], [3.0, 1.0], [1.0, -1.0]])
    pairs = [bpr_loss(pos[[n]], neg[m, [n]]) for m in range(3) for n in range(2)]
    torch.testing.assert_close(bpr_loss(pos, neg), torch.stack(pairs).mean())


def test_shapes_that_pytorch_would_stretch_are_refused() -> None:
    pos = torch.zeros(3)
    for neg in (torch.zeros(1), torch.zeros(()), torch.zeros(2, 1, 3)):
        with pytest.raises(
            ValueError, match=r"neg_score: got shape .*, expected \(3,\); a negative"
        ):
            bpr_loss(pos, neg)
    with pytest.raises(
        ValueError, match=r"got shape \(3, 1\), expected \(num_negatives, 3\); a neg"
    ):
        bpr_loss(pos, torch.zeros(3, 1))
    for wrong in (pos[:, None], torch.zeros(())):
        with pytest.raises(ValueError, match=r"pos_score: got shape .*, expected \(B,\)"):
            bpr_loss(wrong, pos)
    score, mask = torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.bool)
    for wrong in (mask[:1], mask[0], mask[:, :1]):
        with pytest.raises(ValueError, match=r"positive: got shape .*, expected \(2, 3\)"):
            softmax_loss(score, wrong)
    with pytest.raises(ValueError, match=r"score: got shape \(3,\), expected \(B, num_items\)"):
        softmax_loss(score[0], mask[0])
    with pytest.raises(ValueError, match=r"embeddings: got shape \(1, 2\), expected \(3, 2\)"):
        l2_penalty(torch.ones(3, 2), torch.ones(1, 2))
    with pytest.raises(ValueError, match=r"got shape \(3,\), expected \(B, embedding_dim\)"):
        l2_penalty(torch.ones(3))


def test_what_are_no_scores() -> None:
    pos = torch.zeros(3)
    for wrong in (pos.int(), pos.bool()):
        with pytest.raises(
            TypeError, match=r"neg_score: got a tensor of torch\..*, expected floats"
        ):
            bpr_loss(pos, wrong)
    with pytest.raises(
        TypeError, match=r"positive: got a tensor of torch\.float32, expected truth"
    ):
        softmax_loss(torch.zeros(1, 3), torch.ones(1, 3))
    for shape in ((0,), (2, 0)):
        with pytest.raises(ValueError, match="got no score, expected at least one pair"):
            bpr_loss(pos[:0], torch.zeros(shape))
    with pytest.raises(ValueError, match="expected a row for each triplet"):
        l2_penalty(torch.ones(0, 2))
    with pytest.raises(TypeError, match="got no embeddings, expected those of users"):
        l2_penalty()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_not_hidden(value: float) -> None:
    score = torch.tensor([[0.0, value, 1.0]])
    positive = torch.tensor([[True, False, False]])
    assert softmax_loss(score, positive).isfinite() == (value == -math.inf)
    assert bpr_loss(score[0, 1:2], score[0, 1:2]).isnan()
    assert not l2_penalty(score).isfinite()


def test_pairs_for_blocks_that_are_none() -> None:
    user_emb, item_emb = torch.ones(2, 3), torch.ones(4, 3)
    row, item = torch.tensor([0, 1]), torch.tensor([3, 0])
    back = torch.tensor([0, 1, 0]), torch.tensor([3, 0, 2])  # to a row that was done
    for pair, message in (
        (back, "row: got rows out of order, expected ascending"),
        ((row.flip(0), item), "row: got rows out of order, expected ascending"),
        ((row + 1, item), "row: got position 2, expected 0 to 1"),
        ((row, item + 1), "item: got position 4, expected 0 to 3"),
        ((row, item[:1]), r"item: got shape \(1,\), expected \(2,\)"),
        ((row[None], item), r"row: got shape \(1, 2\), expected \(n,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            softmax_loss_in_blocks(user_emb, item_emb, pair)
    for pair in (torch.stack([row, item]), (row, item, row), None):
        with pytest.raises(TypeError, match=r"got positive=.*, expected the pair \(row, item\)"):
            softmax_loss_in_blocks(user_emb, item_emb, pair)
    with pytest.raises(ValueError, match=r"item_emb: got shape \(4, 2\), expected \(num_items, 3"):
        softmax_loss_in_blocks(user_emb, item_emb[:, :2], (row, item))
    with pytest.raises(
        ValueError, match=r"user_emb: got shape \(3,\), expected \(B, embedding_dim"
    ):
        softmax_loss_in_blocks(user_emb[0], item_emb, (row, item))
