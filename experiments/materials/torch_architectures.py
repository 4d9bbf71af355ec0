"""PyTorch architectures with random weights: a name -> a module, and the image that it is compared on."""

import importlib
from collections.abc import Sequence

import numpy as np
import torch

__all__ = ["TIMM", "build", "names", "randomize"]

# One network of each family of timm 1.0.31: the smallest of it with less than 200 million parameters.
TIMM = (
    *("beit_base_patch16_224", "eca_botnext26ts_256", "mobileone_s1", "cait_xxs24_224", "coat_tiny", "convit_tiny"),
    *("convmixer_768_32", "convnext_atto_rms", "cpubone_nano", "crossvit_tiny_240", "csatv2", "cs3darknet_focus_s"),
    *("cspnext_tiny", "davit_tiny", "deit_tiny_patch16_224", "densenet121", "dla46x_c", "dpn48b"),
    *("edgenext_xx_small", "efficientformer_l1", "efficientformerv2_s0", "efficientnet_lite0", "efficientvim_m1"),
    *("efficientvit_b0", "efficientvit_m0", "eva02_tiny_patch14_224", "fasternet_t0", "fastvit_t8"),
    *("focalnet_tiny_srf", "gcvit_xxtiny", "ghostnet_050", "hardcorenas_b", "hgnetv2_b0", "hiera_tiny_224"),
    *("sam2_hiera_tiny", "hrnet_w18_small", "iformer_t", "inception_next_atto", "inception_resnet_v2"),
    *("inception_v3", "inception_v4", "lcnetv2_small", "levit_128s", "lowformer_b0", "test_mambaout"),
    *("maxvit_pico_rw_256", "poolformerv2_s12", "gmlp_ti16_224", "mobilenetv3_small_050", "mobilenetv5_base"),
    *("mobilevit_xxs", "mvitv2_tiny", "naflexvit_base_patch16_parfac_gap", "nasnetalarge", "nest_tiny"),
    *("nextvit_small", "test_nfnet", "pit_ti_224", "pnasnet5large", "pvt_v2_b0", "rdnet_tiny", "regnetx_004_tv"),
    *("repghostnet_050", "repvit_m1", "res2next50", "resnest26d", "resnet18", "resnetv2_18", "rexnet_150"),
    *("selecsls42", "legacy_seresnet18", "sequencer2d_s", "shvit_s1", "skresnet18", "starnet_s050"),
    *("swiftformer_xs", "swin_tiny_patch4_window7_224", "swinv2_tiny_window8_256", "swinv2_cr_tiny_224"),
    *("tiny_vit_5m_224", "tnt_s_legacy_patch16_224", "tresnet_m", "twins_svt_small", "vgg11", "visformer_tiny"),
    *("test_vit", "vit_tiny_r_s16_p8_224", "test_vit_relpos", "samvit_base_patch16_224", "vitamin_small_224"),
    *("volo_d1_224", "ese_vovnet19b_slim_dw", "legacy_xception", "xception41p", "xcit_nano_12_p8_224"),
    *("qwen3_vit_88m", "gemma4_vit_167m"),
)


def names() -> list[str]:
    """Returns all classification architectures of torchvision, and one network of each family of timm."""
    models = importlib.import_module("torchvision.models")
    found = [f"torchvision/{name}" for name in models.list_models(module=models)]
    return found + [f"timm/{name}" for name in TIMM]


def build(name: str, side: int) -> tuple[torch.nn.Module, tuple[int, ...]]:
    """Builds an architecture, and chooses the shape of the image: that side, or its own where it takes no other.

    Args:
      name: ``torchvision/…`` or ``timm/…``.
      side: height and width, in pixels.
    """
    library, _, model = name.partition("/")
    if library == "timm":
        module = importlib.import_module("timm").create_model(model).eval()
        own = tuple(module.default_cfg.get("input_size", (3, 224, 224)))
    else:
        plain = {"init_weights": False} if model in ("googlenet", "inception_v3") else {}
        module = importlib.import_module("torchvision.models").get_model(model, weights=None, **plain).eval()
        own = (3, 224, 224)
    return module, (own[0], side, side) if _takes(module, (own[0], side, side)) else own


def randomize(module: torch.nn.Module, shape: Sequence[int], seed: int = 0) -> torch.Tensor:
    """Gives a module random weights, statistics that keep activations near 1, and returns an image of noise.

    Kernels are of He's normal distribution; a normalization by numbers of training is set to the size of what it is
    given. These numbers do not subtract the mean of each channel: only the differences between positions would remain,
    and a random network amplifies these together with the rounding errors.
    """
    rng = np.random.default_rng(seed)

    for each in module.modules():
        parameters = dict(each.named_parameters(recurse=False))
        weight, bias = parameters.get("weight"), parameters.get("bias")
        if weight is None:
            continue
        if weight.ndim > 1 and isinstance(each, torch.nn.Linear | torch.nn.modules.conv._ConvNd):
            fan = float(np.prod(weight.shape[1:]))
            weight.data = _drawn(rng.normal(0, np.sqrt(2 / fan), weight.shape))
        elif weight.ndim == 1 and "Norm" in type(each).__name__:
            weight.data = _drawn(rng.uniform(0.5, 1.5, weight.shape))
        if bias is not None:
            bias.data = _drawn(rng.normal(0, 0.1, bias.shape))
    image = _drawn(rng.normal(size=(1, *shape)))
    _calibrate(module, image, rng)
    return image


def _drawn(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _calibrate(module: torch.nn.Module, image: torch.Tensor, rng: np.random.Generator) -> None:
    def before(layer: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        size = float(given[0].square().mean()) + 1e-12
        statistics = dict(layer.named_buffers(recurse=False))
        mean, variance = statistics["running_mean"], statistics["running_var"]
        mean.copy_(_drawn(rng.normal(0.0, 0.1 * np.sqrt(size), mean.shape)))
        variance.copy_(_drawn(size * rng.uniform(0.5, 1.5, variance.shape)))

    statistical = (torch.nn.modules.batchnorm._BatchNorm,)
    hooks = [
        each.register_forward_pre_hook(before)
        for each in module.modules()
        if isinstance(each, statistical) and each.running_mean is not None
    ]
    with torch.no_grad():
        module(image)
    for hook in hooks:
        hook.remove()


def _takes(module: torch.nn.Module, shape: Sequence[int]) -> bool:
    try:
        with torch.no_grad():
            module(torch.zeros(1, *shape))
    except (AssertionError, RuntimeError, ValueError, IndexError, TypeError):
        return False
    return True
