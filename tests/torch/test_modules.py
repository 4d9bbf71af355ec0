"""What becomes of a PyTorch module: layers, channels, redirected relus, other weights, refusals."""

import dataclasses
import inspect
import logging
import re
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_model
from torch_cases import Function

import jaxviz
from jaxviz import objectives as obj
from jaxviz.networks.wiring import inputs_of, strongest
from jaxviz.torch.operations import OPERATIONS


class Digits(torch.nn.Module):
    """Convolutions, a relu that is called again, one that is a function, and what is shared by two calls."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 6, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(6)
        self.relu = torch.nn.ReLU(inplace=True)
        self.block = torch.nn.Sequential(torch.nn.Conv2d(6, 6, 3, padding=1, groups=6), torch.nn.ReLU6())
        self.drop = torch.nn.Dropout(0.5)
        self.same = torch.nn.Identity()
        self.fc = torch.nn.Linear(6, 10)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.same(x) + self.block(x))
        x = F.relu(self.block(x) - 0.1)
        return self.fc(self.drop(x.mean((2, 3)))).softmax(-1)


class Two(torch.nn.Module):
    def forward(self, x, mask, *, scale, offset=0):
        return x * mask * scale + offset


@pytest.fixture(scope="module")
def module():
    torch.manual_seed(0)
    made = Digits()
    made.bn1.running_mean.normal_()
    made.bn1.running_var.uniform_(0.5, 1.5)
    return made


@pytest.fixture(scope="module")
def model(module):
    return jaxviz.from_torch(module, (1, 10, 10))


def test_layers_have_the_paths_of_submodules(module, model):
    assert [(layer.name, layer.description, layer.output_shape, layer.learned) for layer in model.layers] == [
        ("conv1", "Conv2d", (6, 8, 8), True),
        ("bn1", "BatchNorm2d (before relu)", (6, 8, 8), False),
        ("relu", "ReLU", (6, 8, 8), False),
        ("block.0", "Conv2d (before relu6)", (6, 8, 8), True),
        ("block.1", "ReLU6", (6, 8, 8), False),
        ("block", "Sequential", (6, 8, 8), False),
        ("relu#2", "ReLU", (6, 8, 8), False),
        ("block.0#2", "Conv2d (before relu6)", (6, 8, 8), True),
        ("block.1#2", "ReLU6", (6, 8, 8), False),
        ("block#2", "Sequential", (6, 8, 8), False),
        ("relu#3", "relu", (6, 8, 8), False),
        ("drop", "Dropout", (6,), False),
        ("fc", "Linear (before softmax)", (10,), True),
        ("fc/softmax", "softmax", (10,), False),
    ]
    assert {layer.channel_axis for layer in model.layers} == {0}
    assert (model.output, model.logits) == ("fc/softmax", "fc")
    assert (model.canvas.shape, model.canvas.channel_axis) == ((1, 10, 10), 0)
    assert module.training, "the module stays as it was"


def test_what_is_before_an_activation_is_known(model):
    assert {layer.name: layer.preactivation for layer in model.layers if layer.preactivation} == {
        "relu": "bn1",
        "block.1": "block.0",
        "block": "block.0",
        "relu#2": "relu#2/preactivation",
        "block.1#2": "block.0#2",
        "block#2": "block.0#2",
        "relu#3": "relu#3/preactivation",
        "fc/softmax": "fc",
    }
    image = jnp.asarray(np.random.default_rng(0).random((1, 10, 10), np.float32))
    before, after = model.ask(image, lambda activations: (activations["relu#2/preactivation"], activations["relu#2"]))
    np.testing.assert_array_equal(jax.nn.relu(before), after)


def test_layers_are_those_of_pytorch_also_where_they_are_changed_in_place(module, model):
    found, image = {}, torch.rand(1, 1, 10, 10)

    def noting(path):
        def note(_, __, out):
            found.setdefault(path, out.detach().numpy().copy()[0])

        return note

    named = [(path, each) for path, each in module.named_modules() if path and path != "same"]
    hooks = [each.register_forward_hook(noting(path)) for path, each in named]
    module.eval()(image)
    module.train()
    for hook in hooks:
        hook.remove()
    ours = jax.jit(lambda image: model.ask(image, lambda activations: {path: activations[path] for path in found}))
    for path, array in ours(image[0].numpy()).items():
        np.testing.assert_allclose(array, found[path], atol=1e-5, err_msg=path)


class Shared(torch.nn.Module):
    """A submodule that stands in three places and is called again in two of them."""

    def __init__(self):
        super().__init__()
        self.position = torch.nn.Conv2d(2, 2, 1)
        self.blocks = torch.nn.ModuleList([torch.nn.Sequential(self.position, torch.nn.Tanh()) for _ in range(2)])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.position(self.position(self.blocks[0](x)))


def test_a_submodule_in_several_places_goes_by_the_path_that_calls_it(tmp_path):
    torch.manual_seed(0)
    module, image = Shared().eval(), torch.rand(1, 2, 4, 4)
    model = jaxviz.from_torch(module, (2, 4, 4))
    given = []
    hook = module.position.register_forward_hook(lambda _, __, out: given.append(out.detach().numpy().copy()))
    module(image)
    hook.remove()
    calls = ["blocks.0.0", "blocks.1.0", "blocks.0.0#2", "position", "position#2"]
    assert [layer.name for layer in model.layers if layer.kind == "Conv2d"] == calls
    ours = model(image.numpy())
    for layer, array in zip(calls, given, strict=True):
        np.testing.assert_allclose(ours[layer], array, atol=1e-6, err_msg=layer)
    path = tmp_path / "shared.safetensors"  # which holds a tensor of several names once
    save_model(module, path)
    again = jaxviz.torch.load_state_dict(path, into=model)
    np.testing.assert_array_equal(again(image.numpy())["position#2"], ours["position#2"])


def test_one_channel_is_computed_alone(model):
    image = jnp.asarray(np.random.default_rng(0).random((1, 10, 10), np.float32))

    def asked(activations):
        return {
            layer.name: (activations[layer.name], activations.channel(layer.name, jnp.int32(4)))
            for layer in model.layers
        }

    for name, (whole, alone) in jax.jit(lambda image: model.ask(image, asked))(image).items():
        np.testing.assert_allclose(alone, whole[4:5], atol=1e-6, err_msg=name)
    traced = str(
        jax.make_jaxpr(lambda image: model.ask(image, lambda activations: activations.channel("relu", jnp.int32(4))))(
            image
        )
    )
    assert "f32[3,3,1,1]" in traced
    assert "f32[1,8,8,6]" not in traced, "the relu and the normalization too"


def test_other_weights_compile_nothing(module, model):
    count = []

    @jax.jit
    def answer(model, image):
        count.append(1)
        return model.ask(image, lambda activations: activations["fc"])

    torch.manual_seed(1)
    other = Digits()
    image = jnp.ones((1, 10, 10), jnp.float32)
    again = jaxviz.torch.load_state_dict(other.state_dict(), into=model)
    first, second = answer(model, image), answer(again, image)
    third = answer(jaxviz.from_torch(other, (1, 10, 10)), image)
    assert len(count) == 1
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(second, third)
    assert set(model.variables) == set(module.state_dict())


class Twin(nn.Module):
    """The same network in Linen."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(6, (3, 3), padding="VALID", name="conv")(x))
        return nn.Dense(4, name="fc")(x.mean((1, 2)))


def test_an_ascent_is_that_of_the_same_network_in_linen():
    class Small(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 6, 3)
            self.fc = torch.nn.Linear(6, 4)

        def forward(self, x):
            return self.fc(F.relu(self.conv(x)).mean((2, 3)))

    torch.manual_seed(0)
    module = Small()
    ours = jaxviz.from_torch(module, (3, 8, 8))
    params = {
        "conv": {"kernel": ours.variables["conv.weight"], "bias": ours.variables["conv.bias"]},
        "fc": {"kernel": ours.variables["fc.weight"], "bias": ours.variables["fc.bias"]},
    }
    theirs = jaxviz.from_linen(Twin(), {"params": params}, (8, 8, 3))
    images = np.random.default_rng(0).random((2, 3, 8, 8), np.float32)
    np.testing.assert_allclose(ours(images)["fc"], theirs(images.transpose(0, 2, 3, 1))["fc"], atol=1e-6)
    key = jax.random.key(0)
    for layer in ("conv", "fc"):
        mine = jaxviz.visualize(ours, obj.channel(layer, [0, 3]), steps=4, key=key)
        linen = jaxviz.visualize(theirs, obj.channel(layer, [0, 3]), steps=4, key=key)
        assert mine.images.shape == (2, 3, 8, 8)
        np.testing.assert_allclose(mine.images.transpose(0, 2, 3, 1), linen.images, atol=1e-4)


class Heads(torch.nn.Module):
    """Returns several tensors."""

    def __init__(self, returned):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 1)
        self.returned = returned

    def forward(self, x):
        return self.returned(self.conv(x).mean((2, 3)), x)


@pytest.mark.parametrize(
    ("returned", "names", "output"),
    [
        (lambda y, x: {"aux": y * 2, "logits": y + 1}, ["output/aux", "output/logits"], "output/logits"),
        (lambda y, x: {"out": y * 2, "aux": y + 1}, ["output/out", "output/aux"], "output/out"),
        (lambda y, x: {"image": x, "logits": y + 1}, ["output/logits"], "output/logits"),
        (lambda y, x: {"image": x, "mean": y + 1}, ["output/mean"], "output/mean"),
        (
            lambda y, x: {"heads": [y * 2, None, y + 1], 3: y},
            ["output/3", "output/heads/0", "output/heads/2"],
            "output/heads/0",
        ),
        (
            lambda y, x: {"probabilities": (y + 1).softmax(1), "logits": y + 1},
            ["softmax", "output/logits"],
            "output/logits",
        ),
        (lambda y, x: (y * 2, y + 1), ["output/0", "output/1"], "output/0"),
        (lambda y, x: y * 2, ["output"], "output"),
    ],
)
def test_what_a_network_returns_has_the_names_of_its_keys(returned, names, output):
    model = jaxviz.from_torch(Heads(returned), (3, 4, 4))
    assert [layer.name for layer in model.layers if layer.name != "conv"] == names
    assert (model.output, model.logits) == (output, output)
    assert repr(model).endswith(f"-> {output})")


def test_an_entry_that_a_submodule_gives_keeps_the_name_of_the_submodule():
    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = torch.nn.Linear(4, 2)

        def forward(self, x):
            return {"aux": x.mean(1, keepdim=True), "logits": self.fc(x)}

    model = jaxviz.from_torch(Classifier(), (4,))
    assert [layer.name for layer in model.layers] == ["output/aux", "fc"]
    assert model.output == "fc"


def test_relus_are_redirected():
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.ReLU6(), torch.nn.Hardtanh(0, 1))
    with torch.no_grad():
        module[0].weight.fill_(-1.0)
        module[0].bias.fill_(-1.0)
    model = jaxviz.from_torch(module, (1, 6, 6))
    for layer in ("1", "2", "3"):
        made = jaxviz.visualize(model, obj.channel(layer, 0), steps=3)
        assert np.abs(np.diff(made.scores)).max() > 0 or made.images.std() > 0
    assert [layer.activation for layer in model.layers] == ["relu", "relu6", "hardtanh", None]


def test_the_wiring_is_told(model):
    assert inputs_of(model)["relu#2"] == ("relu", "block.1")
    assert inputs_of(model)["conv1"] == ()
    assert inputs_of(model)["fc"] == ("drop",)
    found = strongest(model, "fc", 2)
    assert found is not None
    assert (found.layer, found.channels.shape) == ("block.0#2", (10, 2))


def test_unknown_operations_are_refused_all_at_once():
    class Odd(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.Fold(8, 2))

        def forward(self, x):
            x = torch.special.i0(x) + torch.linalg.inv(x)
            return self.inner[0](x) + x.bernoulli()

    message = (
        r"operations of PyTorch are not supported: special_i0 \(in the network itself\), "
        r"linalg_inv \(in the network itself\), .*bernoulli"
    )
    with pytest.raises(jaxviz.JaxvizError, match=message):
        jaxviz.from_torch(Odd(), (1, 8, 8))


def test_calls_that_cannot_be_computed_are_refused_with_the_operation_and_the_submodule(monkeypatch):
    def broken(*arguments):
        raise ValueError("no such case\nand more")

    for name, compute in (("tanh", broken), ("floor", lambda x: x.like(x.array[:, :1]))):
        monkeypatch.setitem(OPERATIONS, name, dataclasses.replace(OPERATIONS[name], compute=compute))

    class Inner(torch.nn.Module):
        def forward(self, x):
            return torch.tanh(x) + x.floor()

    message = (
        r"these calls of PyTorch's operations are not supported: tanh \(in 0\): no such case; "
        r"floor \(in 0\): gives \[1, 1, 1, 4\] and not \[1, 1, 4, 4\]$"
    )
    with pytest.raises(jaxviz.JaxvizError, match=message):
        jaxviz.from_torch(torch.nn.Sequential(Inner()), (1, 4, 4))


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: F.rrelu(x, training=True), "rrelu"),
        (lambda x: F.dropout(x, training=True), "dropout"),
        (lambda x: F.feature_alpha_dropout(x, training=True), "feature_alpha_dropout"),
    ],
)
def test_chance_is_refused(function, name):
    class Training(torch.nn.Module):
        def forward(self, x):
            return function(x)

    with pytest.raises(jaxviz.JaxvizError, match=rf"not supported: {name}[.\w]* of training \(in the network itself\)"):
        jaxviz.from_torch(Training(), (1, 4, 4))


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: x + torch.randn(x.shape), "randn"),
        (lambda x: torch.rand_like(x) * x, "rand_like"),
        (lambda x: x[:, torch.randperm(3)], "randperm"),
        (lambda x: x * torch.bernoulli(x), "bernoulli"),
        (lambda x: x + torch.empty(4).normal_(), "normal"),
        (F.gumbel_softmax, "exponential"),
    ],
)
def test_random_numbers_are_refused(function, name):
    class Noisy(torch.nn.Module):
        def forward(self, x):
            return function(x).relu()

    message = rf"not supported: {name}[.\w]* \(in the network itself\); .* write fixed numbers in the place"
    with pytest.raises(jaxviz.JaxvizError, match=message) as refusal:
        jaxviz.from_torch(Noisy(), (3, 4, 4))
    assert "\n" not in str(refusal.value)


def test_weights_that_are_computed_of_others():
    torch.manual_seed(0)
    parametrizations = torch.nn.utils.parametrizations
    module = torch.nn.Sequential(
        parametrizations.weight_norm(torch.nn.Conv2d(1, 4, 3)), parametrizations.spectral_norm(torch.nn.Conv2d(4, 3, 3))
    ).eval()
    image = torch.rand(1, 1, 8, 8)
    ours = jaxviz.from_torch(module, (1, 8, 8))(image.numpy())
    np.testing.assert_allclose(ours["1"], module(image).detach(), atol=1e-5)


def test_a_buffer_that_each_call_changes_keeps_its_value_and_a_warning_says_so():
    class Counting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            self.calls += 1
            return torch.tanh(x * self.calls)

    message = (
        "the network changes its buffers calls at each call; here each call begins with their values as they are now"
    )
    with pytest.warns(jaxviz.JaxvizWarning, match=message):
        model = jaxviz.from_torch(Counting(), (1, 2, 2))
    images = np.full((1, 1, 2, 2), 0.3, np.float32)
    for _ in range(2):
        np.testing.assert_allclose(model(images)[model.output], np.tanh(images), atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "call"),
    [
        (torch.nn.BatchNorm2d(1, track_running_stats=False), "batch_norm (in 1)"),
        (Function(lambda x: F.batch_norm(x, None, None, training=True)), "batch_norm (in 1)"),
        (Function(lambda x: F.batch_norm(x, torch.zeros(1), torch.ones(1), training=True)), "batch_norm (in 1)"),
    ],
)
def test_statistics_of_the_batch_are_those_of_one_image_and_a_warning_says_so(layer, call):
    with pytest.warns(jaxviz.JaxvizWarning, match=rf"with one image, so they are .* of the image: {re.escape(call)}$"):
        jaxviz.from_torch(torch.nn.Sequential(torch.nn.ReLU(), layer), (1, 4, 4))


def test_statistics_of_a_weight_and_of_training_need_no_warning():
    class Standardized(torch.nn.Module):  # as timm standardizes weights
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.randn(2, 1, 3, 3))
            self.norm = torch.nn.BatchNorm2d(2)

        def forward(self, x):
            weight = F.batch_norm(self.weight.reshape(1, 2, -1), None, None, training=True)
            return self.norm(F.conv2d(x, weight.reshape_as(self.weight)))

    jaxviz.from_torch(Standardized(), (1, 4, 4))  # a warning is an error here


class Table(torch.nn.Module):
    """Adds a constant or a buffer."""

    def __init__(self, tensor, is_saved):
        super().__init__()
        self.register_buffer("table", tensor, persistent=is_saved)

    def forward(self, x):
        return x + self.table.abs()


@pytest.mark.parametrize(
    ("tensor", "is_saved", "message"),
    [
        (torch.tensor([2**31]), True, r"table holds 2147483648, which does not fit the 32 bits"),
        (torch.tensor([-(2**40)]), False, r"a constant tensor of the network holds 1099511627776, which does not fit"),
        (torch.ones(1, dtype=torch.complex64), True, r"table holds complex64, and jaxviz computes with real numbers"),
    ],
)
def test_numbers_that_cannot_be_kept_are_refused(tensor, is_saved, message):
    with pytest.raises(jaxviz.JaxvizError, match=message) as refusal:
        jaxviz.from_torch(Table(tensor, is_saved), (1, 4, 4))
    assert "\n" not in str(refusal.value)


def test_what_pytorch_cannot_export_gives_its_reason_in_one_line():
    class Branching(torch.nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(jaxviz.JaxvizError, match=r"Branching cannot be exported .* \(1, 4, 4\): .+") as refusal:
        jaxviz.from_torch(Branching(), (1, 4, 4))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("argument", "shape", "message"),
    [
        (torch.nn.ReLU(), (0, 3), r"input_shape \(0, 3\): give channels, height and width"),
        (torch.nn.ReLU(), (), r"input_shape \(\): give channels"),
        (torch.nn.ReLU(), 64, r"input_shape 64: give channels, height and width of one image, such as \(3, 64, 64\)$"),
        (torch.nn.ReLU(), 6.5, r"input_shape 6.5: give channels, .* such as \(3, 224, 224\)$"),
        (torch.nn.Conv2d(3, 2, 3), (64, 64, 3), r"input_shape has its channels first: \(3, 64, 64\)$"),
        (
            Two(),
            (3, 4, 4),
            r"'mask'; forward also needs mask, scale: wrap the network in a module that takes the image",
        ),
        (3, (3, 4, 4), r"from_torch\(int\): give a torch.nn.Module, an ExportedProgram or the path of a .pt2"),
        (torch.nn.Conv2d(1, 2, 9), (1, 4, 4), r"Conv2d cannot be exported"),
        ("no.pt2", None, r"no.pt2: there is no such file"),
    ],
)
def test_wrong_arguments(argument, shape, message):
    from_torch = inspect.unwrap(jaxviz.from_torch)  # the tests' check of types would be before its own
    with pytest.raises(jaxviz.JaxvizError, match=message) as refusal:
        from_torch(argument, shape)
    assert "\n" not in str(refusal.value)


def test_an_export_that_fails_says_so_in_the_error_alone(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("torch._subclasses.fake_tensor"), "handlers", [caplog.handler])
    with pytest.raises(jaxviz.JaxvizError, match=r"Linear cannot be exported .* \(3, 4, 4\): "):
        jaxviz.from_torch(torch.nn.Linear(5, 3), (3, 4, 4))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_program_of_two_inputs_is_refused_with_the_remedy():
    class Masked(torch.nn.Module):
        def forward(self, x, mask):
            return x * mask

    program = torch.export.export(Masked(), (torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)))
    with pytest.raises(
        jaxviz.JaxvizError, match=r"takes a second tensor, 'mask'; wrap it in a module that takes images"
    ):
        jaxviz.from_torch(program)


def test_a_module_says_how_its_images_were_prepared():
    module = torch.nn.Conv2d(3, 2, 1)
    module.pretrained_cfg = {"mean": (0.5, 0.5, 0.4), "std": (0.5, 0.5, 0.2)}
    model = jaxviz.from_torch(module, (3, 4, 4))
    image = jnp.full((3, 4, 4), 0.5)
    expected = module(torch.tensor([0.0, 0.0, 0.5])[None, :, None, None].expand(1, 3, 4, 4))[0].detach()
    np.testing.assert_allclose(model.ask(image, lambda activations: activations["output"]), expected, atol=1e-6)
    plain = jaxviz.from_torch(module, (3, 4, 4), preprocessing="-1-1")
    assert (plain.canvas.low, plain.preprocess) == (-1, None)
    assert not model.canvas.is_assumed


def test_a_range_that_nobody_states_is_an_assumption():
    assert jaxviz.from_torch(torch.nn.Conv2d(3, 2, 1), (3, 4, 4)).canvas.is_assumed
    assert not jaxviz.from_torch(torch.nn.Conv2d(3, 2, 1), (3, 4, 4), preprocessing="0-1").canvas.is_assumed


def test_half_precision_becomes_float32():
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Softmax(1)).to(torch.bfloat16)
    model = jaxviz.from_torch(module, (1, 6, 6))
    assert model.variables["0.weight"].dtype == jnp.float32
    image = jnp.ones((1, 6, 6))
    expected = module.float()(torch.ones(1, 1, 6, 6))[0].detach()
    np.testing.assert_allclose(model.ask(image, lambda activations: activations["1"]), expected, atol=1e-6)


def test_without_pytorch_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(jaxviz.JaxvizError, match=r"PyTorch is not installed; pip install 'jaxviz-optvis\[torch\]'"):
        jaxviz.from_torch(object(), (1, 4, 4))
