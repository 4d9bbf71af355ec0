"""Functions of PyTorch by kind: a name -> a function of a picture ``[1, 8, 8, 8]`` or of tokens ``[1, 64, 12]``."""

import functools

import torch
import torch.nn.functional as F  # noqa: N812


class Function(torch.nn.Module):
    """A module that computes a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@functools.cache
def random(*shape):
    """Returns the same numbers at every call, so that the functions below are such."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))) / 2


def without_autocast(x):
    with torch.autocast("cpu", enabled=False), torch.no_grad():
        y = x.relu() @ x.mT
    return y + 1


def changed_in_place(x):
    y = x * 1
    y[:, 2:4] += 1
    y[:, :, 1] = 0
    return y


def windows(x):  # as Swin has them
    x = x.permute(0, 2, 3, 1)
    x = torch.roll(x, shifts=(-2, -2), dims=(1, 2))
    x = x.view(1, 2, 4, 2, 4, 8).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, 8)
    return F.softmax(x @ x.transpose(-2, -1) / 4, dim=-1) @ x


def masked(x):
    mask = torch.zeros(8, 8)
    for place in range(2):
        mask[4 * place : 4 * place + 4, 4 * place : 4 * place + 4] = place + 1
    return x.masked_fill(mask[None, None] != 1, -2.0)


def recurrent(kind, **settings):
    torch.manual_seed(1)
    layer = getattr(torch.nn, kind)(12, 5, **settings).requires_grad_(False)
    weights = {name: value.detach() for name, value in layer.named_parameters()}
    return lambda x: torch.func.functional_call(layer, weights, (x,))[0] * 1


@functools.cache
def cell(kind):
    torch.manual_seed(2)
    return getattr(torch.nn, kind)(12, 12).requires_grad_(False)


def cells(x):
    x = x[0]
    for kind in ("GRUCell", "RNNCell"):
        made = cell(kind)
        step = torch.gru_cell if kind == "GRUCell" else torch.rnn_tanh_cell
        x = step(x, x.flip(0), made.weight_ih, made.weight_hh, made.bias_ih, made.bias_hh)
    made = cell("LSTMCell")
    return sum(torch.lstm_cell(x, (x, x.flip(1)), made.weight_ih, made.weight_hh, made.bias_ih, made.bias_hh))


PICTURES = {
    "activations": {
        "celu": lambda x: F.celu(x, 1.5),
        "elu": lambda x: F.elu(x, 0.7),
        "gelu": F.gelu,
        "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
        "glu": lambda x: F.glu(x, dim=1),
        "hardshrink": F.hardshrink,
        "hardsigmoid": lambda x: F.hardsigmoid(x * 4),
        "hardswish": lambda x: F.hardswish(x * 4),
        "hardtanh": lambda x: F.hardtanh(x, -0.3, 0.4),
        "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
        "log_softmax": lambda x: F.log_softmax(x, dim=1),
        "logsigmoid": F.logsigmoid,
        "mish": F.mish,
        "prelu": lambda x: F.prelu(x, torch.linspace(0.1, 0.8, 8)),
        "relu": F.relu,
        "relu6": lambda x: F.relu6(x * 9),
        "rrelu": F.rrelu,
        "selu": F.selu,
        "sigmoid": torch.sigmoid,
        "silu": F.silu,
        "silu in place": lambda x: F.silu(x * 1, inplace=True),
        "softmax": lambda x: F.softmax(x, dim=1),
        "softmax of places": lambda x: F.softmax(x, dim=-1),
        "softplus": lambda x: F.softplus(x * 9, beta=3, threshold=10),
        "softshrink": F.softshrink,
        "softsign": F.softsign,
        "tanh": torch.tanh,
        "tanhshrink": F.tanhshrink,
        "threshold": lambda x: F.threshold(x, 0.1, -0.2),
    },
    "convolution": {
        "conv1d": lambda x: F.conv1d(x.flatten(2), random(6, 8, 3), padding=1),
        "conv2d": lambda x: F.conv2d(x, random(6, 8, 3, 3), random(6), stride=2, padding=1),
        "conv2d dilated": lambda x: F.conv2d(x, random(6, 8, 3, 3), dilation=2, padding=(1, 2)),
        "conv2d same": lambda x: F.conv2d(x, random(6, 8, 5, 3), padding="same"),
        "conv2d in groups": lambda x: F.conv2d(x, random(6, 4, 3, 3), random(6), groups=2),
        "conv2d depthwise": lambda x: F.conv2d(x, random(8, 1, 3, 3), random(8), groups=8),
        "conv2d depthwise twice": lambda x: F.conv2d(x, random(16, 1, 3, 3), groups=8),
        "conv3d": lambda x: F.conv3d(x.unflatten(2, (2, 4)), random(4, 8, 2, 3, 3), padding=1),
        "conv_transpose1d": lambda x: F.conv_transpose1d(x.flatten(2), random(8, 4, 3), stride=2),
        "conv_transpose2d": lambda x: F.conv_transpose2d(
            x, random(8, 4, 3, 3), random(4), stride=2, padding=1, output_padding=1
        ),
        "conv2d without a batch": lambda x: F.conv2d(x[0], random(6, 8, 3, 3), random(6)),
        "conv_transpose2d without a batch": lambda x: F.conv_transpose2d(x[0], random(8, 4, 3, 3), stride=2),
        "conv_transpose3d": lambda x: F.conv_transpose3d(x.unflatten(2, (2, 4)), random(8, 4, 2, 3, 3), stride=2),
        "conv_transpose2d in groups": lambda x: F.conv_transpose2d(x, random(8, 3, 3, 3), groups=2, dilation=2),
    },
    "elementwise": {
        "abs": torch.abs,
        "add": lambda x: torch.add(x, x.mean(1, keepdim=True), alpha=2),
        "addcmul": lambda x: torch.addcmul(x, x, x.sigmoid(), value=0.5),
        "clamp": lambda x: x.clamp(-0.2, 0.3),
        "clamp_min": lambda x: x.clamp_min(0),
        "division": lambda x: 1 / (x.abs() + 1),
        "floor division": lambda x: torch.div(x, 0.3, rounding_mode="floor"),
        "erf": torch.erf,
        "exp and log": lambda x: torch.log1p(torch.exp(x)) + torch.expm1(x) + torch.log(x.abs() + 1),
        "gate": lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(),
        "layer scale": lambda x: x * torch.linspace(0.1, 0.8, 8).view(8, 1, 1),
        "lerp": lambda x: torch.lerp(x, x.flip(2), 0.3),
        "maximum": lambda x: torch.maximum(x, x.flip(3)) - torch.minimum(x, x.flip(1)),
        "masked": masked,
        "power": lambda x: x.pow(2) + (x.abs() + 0.1).pow(0.4) + 2.0**x,
        "remainder": lambda x: x % 0.7,
        "roots": lambda x: x.abs().sqrt() + (x.abs() + 1).rsqrt() + x.square(),
        "fraction": lambda x: (x * 3).frac(),
        "filled": lambda x: (1 / (x - x)).fill_(0.5) + x,
        "round": lambda x: (x * 3).round() + x.floor() + x.ceil() + x.sign(),
        "rsub": lambda x: torch.rsub(x, 3, alpha=2),
        "sin": lambda x: x.sin() + x.cos(),
        "type": lambda x: (x > 0).to(torch.float32) + x.double().float(),
        "where": lambda x: torch.where((x > 0) & ~(x > 0.4), x, torch.zeros(())),
    },
    "indexing": {
        "cat": lambda x: torch.cat([x, x.flip(2)], dim=2),
        "cat of channels": lambda x: torch.cat([x, -x], dim=1),
        "changed in place": changed_in_place,
        "without autocast": without_autocast,
        "copied": lambda x: torch.zeros(1, 8, 8, 8).copy_(x[0, :, :, 0].T[:, 0]) + x,
        "chunk": lambda x: torch.mul(*x.chunk(2, dim=1)),
        "gather": lambda x: x.gather(3, torch.arange(8).flip(0).expand(1, 8, 8, 8)),
        "index": lambda x: x[:, :, torch.tensor([5, 1, 1])],
        "index by pairs": lambda x: x[:, :, torch.tensor([[5, 1]]), torch.tensor([[0], [7]])],
        "index_select": lambda x: x.index_select(1, torch.tensor([3, 0, 7])),
        "narrow": lambda x: x.narrow(3, -5, 4),
        "roll": lambda x: x.roll((2, -3), (2, 3)),
        "select": lambda x: x[:, 3] + x[:, :, -1],
        "slice": lambda x: x[:, 1::3, -6:-1, ::2],
        "split": lambda x: x.split([3, 5], dim=2)[1] + x.split(5, dim=2)[0],
        "stack": lambda x: torch.stack([x, -x], dim=2),
        "tensor_split": lambda x: x.tensor_split((2, 3, -2), dim=2)[2] - x.tensor_split(3, dim=3)[0][:, :, :3, :1],
        "topk": lambda x: x.topk(3, dim=1).values,
        "tril": torch.tril,
        "unbind": lambda x: x.unbind(2)[3],
        "unfold": lambda x: F.unfold(x, 3, padding=1, stride=2),
        "fold": lambda x: F.fold(F.unfold(x, 3, padding=1, stride=2), x.shape[2:], 3, padding=1, stride=2),
        "fold without a batch": lambda x: F.fold(F.unfold(x[0], (2, 3), dilation=2), x.shape[2:], (2, 3), dilation=2),
        "unfold without a batch": lambda x: F.unfold(x[0], (2, 3), stride=2),
    },
    "normalization": {
        "batch_norm": lambda x: F.batch_norm(x, random(8), random(8).abs() + 0.5, random(8), random(8), eps=1e-3),
        "batch_norm of itself": lambda x: F.batch_norm(x, None, None, training=True),
        "group_norm": lambda x: F.group_norm(x, 4, random(8), random(8)),
        "instance_norm": lambda x: F.instance_norm(x, weight=random(8), bias=random(8)),
        "layer_norm": lambda x: F.layer_norm(x.permute(0, 2, 3, 1), [8], random(8), random(8)).permute(0, 3, 1, 2),
        "layer_norm of all": lambda x: F.layer_norm(x, [8, 8, 8], random(8, 8, 8)),
        "local_response_norm": lambda x: F.local_response_norm(x, 3),
        "normalize": lambda x: F.normalize(x, dim=1),
        "rms_norm": lambda x: F.rms_norm(x, [8, 8], random(8, 8)),
    },
    "pooling": {
        "adaptive_avg_pool1d": lambda x: F.adaptive_avg_pool1d(x.flatten(2), 7),
        "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (3, 5)),
        "adaptive_avg_pool2d of a side": lambda x: F.adaptive_avg_pool2d(x, (None, 1)),
        "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, 3),
        "avg_pool2d": lambda x: F.avg_pool2d(x, 3, stride=2, padding=1),
        "avg_pool2d beyond": lambda x: F.avg_pool2d(x, 3, stride=2, ceil_mode=True),
        "avg_pool2d without zeros": lambda x: F.avg_pool2d(
            x, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False
        ),
        "avg_pool2d by 5": lambda x: F.avg_pool2d(x, 2, divisor_override=5),
        "lp_pool2d": lambda x: F.lp_pool2d(x, 2, 2),
        "max_pool1d": lambda x: F.max_pool1d(x.flatten(2), 3, 2),
        "max_pool2d": lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
        "max_pool2d beyond": lambda x: F.max_pool2d(x, 3, stride=2, ceil_mode=True),
        "max_pool2d dilated and beyond": lambda x: F.max_pool2d(
            x, (2, 3), 2, padding=1, dilation=(3, 2), ceil_mode=True
        ),
        "max_pool2d dilated": lambda x: F.max_pool2d(x, 2, stride=1, dilation=2),
    },
    "reducing": {
        "amax": lambda x: x.amax((2, 3)),
        "argmax": lambda x: x.argmax(1, keepdim=True).float(),
        "cumsum": lambda x: x.cumsum(2),
        "logsumexp": lambda x: x.logsumexp((2, 3)),
        "max": lambda x: x.max(dim=1, keepdim=True).values,
        "mean": lambda x: x.mean((2, 3)),
        "mean of channels": lambda x: x.mean(1),
        "least and count": lambda x: x.norm(p=-torch.inf, dim=2) + x.norm(p=torch.inf, dim=2) + x.norm(p=0, dim=2),
        "norm": lambda x: x.norm(dim=1, keepdim=True) + x.norm(p=1, dim=2, keepdim=True),
        "std": lambda x: x.std((2, 3)) + x.std((2, 3), unbiased=False),
        "sum": lambda x: x.sum(-1) + x.sum(),
        "var_mean": lambda x: torch.add(*torch.var_mean(x, dim=(2, 3))),
    },
    "resizing": {
        "area": lambda x: F.interpolate(x, size=(4, 4), mode="area"),
        "bicubic": lambda x: F.interpolate(x, size=(13, 5), mode="bicubic"),
        "bicubic, antialiased": lambda x: F.interpolate(x, size=(5, 11), mode="bicubic", antialias=True),
        "bicubic, corners": lambda x: F.interpolate(x, size=(13, 5), mode="bicubic", align_corners=True),
        "bilinear": lambda x: F.interpolate(x, scale_factor=1.7, mode="bilinear"),
        "bilinear, antialiased": lambda x: F.interpolate(x, size=(5, 3), mode="bilinear", antialias=True),
        "bilinear, corners": lambda x: F.interpolate(x, size=(5, 13), mode="bilinear", align_corners=True),
        "nearest": lambda x: F.interpolate(x, size=(5, 13)),
        "nearest-exact": lambda x: F.interpolate(x, size=(5, 13), mode="nearest-exact"),
        "pad": lambda x: F.pad(x, (1, 2, -1, 3), value=0.3),
        "pad by reflection": lambda x: F.pad(x, (1, 2, 3, 0), mode="reflect"),
        "pad by replication": lambda x: F.pad(x, (1, 2, 3, 0), mode="replicate"),
        "pad in a circle": lambda x: F.pad(x, (1, 2, 3, 0), mode="circular"),
        "pixel_shuffle": lambda x: F.pixel_shuffle(x, 2),
        "pixel_unshuffle": lambda x: F.pixel_unshuffle(x, 2),
    },
    "shaping": {
        "channel_shuffle": lambda x: F.channel_shuffle(x, 2),
        "dropout": lambda x: F.dropout(x, training=False),
        "expand": lambda x: x[:, :1].expand(-1, 4, -1, -1),
        "flatten": lambda x: x.flatten(1) * 1,
        "heads": lambda x: x.flatten(2).transpose(1, 2).reshape(1, 64, 2, 4).permute(0, 2, 1, 3) * 1,
        "movedim": lambda x: x.movedim(1, -1) * 1,
        "tile": lambda x: x.tile((2, 3)),
        "repeat": lambda x: x.repeat(1, 2, 1, 3),
        "repeat_interleave": lambda x: x.repeat_interleave(2, dim=2),
        "split channels": lambda x: x.view(1, 2, 4, 8, 8).sum(1),
        "squeeze": lambda x: x[:, :, :1].squeeze(2) * 1,
        "unflatten": lambda x: x.unflatten(2, (2, 4)).sum(3),
        "unsqueeze": lambda x: x.unsqueeze(2) * 1,
        "windows": windows,
    },
}

TOKENS = {
    "products": {
        "addmm": lambda x: torch.addmm(random(5), x[0], random(12, 5), alpha=2),
        "attention": lambda x: F.scaled_dot_product_attention(x[:, None], x[:, None].flip(2), x[:, None]),
        "attention, causal": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
        "attention, masked": lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=random(64, 64), scale=0.2),
        "attention, blind rows": lambda x: F.scaled_dot_product_attention(
            x[:, None], x[:, None], x[:, None], attn_mask=torch.arange(64)[:, None] > 3 * torch.arange(1, 65)
        ),
        "attention, some allowed": lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=torch.eye(64) > 0),
        "baddbmm": lambda x: torch.baddbmm(random(1, 64, 64), x, x.transpose(1, 2), beta=0.5),
        "einsum": lambda x: torch.einsum("bnc, bmc -> bnm", x, x),
        "embedding": lambda x: x + F.embedding(torch.arange(64) % 5, random(5, 12)),
        "bilinear": lambda x: F.bilinear(x, x.flip(1), random(5, 12, 12), random(5)),
        "cosine_similarity": lambda x: F.cosine_similarity(x, x.flip(1), dim=2),
        "gru": recurrent("GRU"),
        "gru both ways": recurrent("GRU", bidirectional=True),
        "lstm": recurrent("LSTM"),
        "lstm of layers": recurrent("LSTM", num_layers=2, bidirectional=True, batch_first=True),
        "lstm, projected": recurrent("LSTM", proj_size=3, batch_first=True, bias=False),
        "rnn": recurrent("RNN"),
        "rnn, relu": recurrent("RNN", nonlinearity="relu", bias=False),
        "cells": cells,
        "linear": lambda x: F.linear(x, random(5, 12), random(5)),
        "linear of a moved axis": lambda x: F.linear(x.transpose(1, 2), random(5, 64)),
        "matmul": lambda x: x @ random(12, 7),
        "matmul of batches": lambda x: torch.matmul(x[:, None].expand(1, 2, 64, 12), random(2, 12, 4)),
        "multi-head": lambda x: F.multi_head_attention_forward(
            *(x.transpose(0, 1),) * 3, 12, 3, random(36, 12), random(36), None, None, False, 0.0,
            random(12, 12), random(12), training=False, need_weights=False,
        )[0],
    },
}  # fmt: skip
