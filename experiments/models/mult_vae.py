"""Mult-VAE: a user's row through a narrow layer with noise, and back to a share for each item."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recbook.data import Interactions
from recbook.models import BaseRecommender
from recbook.training import descend, new_adam

__all__ = ["MultVAE", "divergence", "likelihood_loss", "start_mult_vae"]


def likelihood_loss(logit: Tensor, row: Tensor) -> Tensor:
    r"""Minus the multinomial log-likelihood, :math:`-\sum_i x_{ui} \ln \pi_i`, a user's mean.

    Args:
        logit: what the softmax makes :math:`\pi` of, shape ``(B, num_items)``.
        row: 1 where the user has the item, 0 elsewhere, of the same shape.
    """
    return -(logit.log_softmax(1) * row).sum(1).mean()


def divergence(mean: Tensor, log_var: Tensor) -> Tensor:
    r"""Kullback and Leibler's, of :math:`N(\mu, \sigma^2)` from :math:`N(0, 1)`, a user's mean.

    .. math:: \frac12 \sum_d (\mu_d^2 + \sigma_d^2 - 1 - \ln \sigma_d^2)

    Args:
        mean: :math:`\mu`, shape ``(B, latent_dim)``.
        log_var: :math:`\ln \sigma^2`, likewise.
    """
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var).sum(1).mean()


class MultVAE(nn.Module, BaseRecommender):
    r"""The network ``num_items - hidden_dim - latent_dim - hidden_dim - num_items``, with tanh.

    Args:
        train: the interactions, whose rows are what it reads.
        generator: draws the initial weights, by Xavier's rule; biases start at 0.
        hidden_dim: length of both hidden layers.
        latent_dim: length of :math:`z`.
    """

    def __init__(
        self,
        train: Interactions,
        generator: torch.Generator,
        hidden_dim: int = 600,
        latent_dim: int = 200,
    ) -> None:
        super().__init__()
        self.remember(train)
        sizes = [train.num_items, hidden_dim, 2 * latent_dim], [latent_dim, hidden_dim]
        self.encoder = nn.ModuleList([nn.Linear(*sizes[0][:2]), nn.Linear(*sizes[0][1:])])
        self.decoder = nn.ModuleList([nn.Linear(*sizes[1]), nn.Linear(hidden_dim, train.num_items)])
        for linear in (*self.encoder, *self.decoder):
            nn.init.xavier_uniform_(linear.weight, generator=generator)
            nn.init.zeros_(linear.bias)

    def encode(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of rows that are normalised, shape ``(B, latent_dim)`` each."""
        mean, log_var = self.encoder[1](self.encoder[0](row).tanh()).chunk(2, dim=1)
        return mean, log_var

    def decode(self, latent: Tensor) -> Tensor:
        """Logits of all items, shape ``(B, num_items)``."""
        return self.decoder[1](self.decoder[0](latent).tanh())

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """Logits at the mean, without noise and dropout, shape ``(len(users), num_items)``."""
        row = self.fitted_on.dense_rows(self.positions(users)).float()
        return self.decode(self.encode(F.normalize(row))[0])


def start_mult_vae(
    train: Interactions,
    seed: int,
    lr: float = 1e-3,
    kl_weight: float = 0.2,
    anneal_steps: int = 1000,
    dropout: float = 0.5,
    hidden_dim: int = 600,
    latent_dim: int = 200,
    batch_size: int = 100,
) -> tuple[MultVAE, Callable[[], float]]:
    r"""Mult-VAE on the evidence lower bound, whose divergence is annealed.

    .. math:: L = -\sum_i x_{ui} \ln \pi_i(z_u) + \beta \cdot \mathrm{KL}, \qquad
              z_u = \mu_u + \sigma_u \odot \varepsilon, \quad \varepsilon \sim N(0, I)

    :math:`\beta` rises from 0 by the same amount each step and stays at ``kl_weight``. What goes in
    is the user's row divided by its length, with ``dropout``.

    Args:
        train: the interactions.
        seed: of the initial weights, the batches, dropout and noise.
        lr: Adam's learning rate.
        kl_weight: the highest :math:`\beta`.
        anneal_steps: after how many steps it is reached.
        dropout: the share of a row that is set to zero.
        hidden_dim: length of the hidden layers.
        latent_dim: length of :math:`z`.
        batch_size: users a step.

    Returns:
        The model, and what trains it for an epoch: all users with an item once.

    Reference: Liang et al., Variational Autoencoders for Collaborative Filtering, WWW 2018,
    sections 2 and 3. The paper anneals to 1, notes where validation peaks, and trains again up to
    that :math:`\beta`; here ``kl_weight`` is searched like all settings. Its code for ML-20M
    reaches .2 after 40,000 steps of 500 users; a data set of a thousand users has not as many. That
    code has no weight decay for Mult-VAE, and draws the biases from normal(0, 0.001).
    """
    generator = torch.Generator().manual_seed(seed)
    model = MultVAE(train, generator, hidden_dim, latent_dim)
    optimizer = new_adam(model, lr)
    users = torch.nonzero(train.user_degree).flatten()
    steps_done = 0

    def loss_of(batch: Tensor, beta: float) -> Tensor:
        row = train.dense_rows(batch).float()
        kept = torch.rand(row.shape, generator=generator) >= dropout
        mean, log_var = model.encode(F.normalize(row) * kept / (1 - dropout))
        # In doubles: the float version of randn takes another path where the CPU has AVX2.
        drawn = torch.randn(mean.shape, generator=generator, dtype=torch.float64).float()
        logit = model.decode(mean + (log_var / 2).exp() * drawn)
        return likelihood_loss(logit, row) + beta * divergence(mean, log_var)

    def train_epoch() -> float:
        nonlocal steps_done
        losses = []
        order = torch.randperm(len(users), generator=generator)
        for batch in users[order].split(batch_size):
            beta = kl_weight * min(1.0, steps_done / anneal_steps)
            losses.append(descend(loss_of(batch, beta), optimizer))
            steps_done += 1
        return torch.stack(losses).mean().item()

    return model, train_epoch
