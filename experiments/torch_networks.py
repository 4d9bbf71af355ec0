"""Does every architecture of torchvision, and one of each of timm's families, compute in JAX what it does in PyTorch?

Command:  python -m experiments.torch_networks            (some alone: --only torchvision/resnet18 timm/vgg11)
Needs:    pip install torchvision timm, and jaxviz with its extra `torch`.
Time:     about an hour on 2 cores. Each result is appended to a file as it comes, and a second run goes on.
Expected: docs/torch-networks.md with a line for each; no difference above 1e-5 of a layer's largest output, or
          5e-5 where PyTorch's own float32 is as far from its float64.

The weights are random, with statistics that keep activations near 1: see `experiments.materials.torch_architectures`.
Every submodule that returns a tensor is compared, each of its calls, on one image. A submodule that stands in several
places goes by the path that it is called by, as PyTorch's exported graph notes it.
"""

import argparse
import json
import textwrap
import time
import warnings
from collections import Counter
from pathlib import Path

import jax
import numpy as np
import torch

import jaxviz
from experiments.materials.torch_architectures import build, names, randomize

TABLE = Path(__file__).parent.parent / "docs" / "torch-networks.md"
SIDE = 96  # pixels
TITLE = "## Comparison with PyTorch"
HEAD = """

This section compares classification architectures of torchvision and timm in jaxviz with PyTorch. The table names every
architecture that was compared.

PyTorch {torch}, torchvision {torchvision} and timm {timm} built each architecture with random weights.
`jaxviz.from_torch` converted it, and the output of every submodule that returns a tensor was compared with PyTorch's on
one image, of {side} x {side} pixels where the architecture takes it, else of its own size. A relative difference is the
largest absolute difference of a submodule's output divided by its largest absolute value. The table gives the submodule
with the largest relative difference. Where that is above 1e-5, the column "float32" has the largest relative difference
between PyTorch in float32 and PyTorch in float64. "Convert" is the processor time of `jaxviz.from_torch` on one core of
an AMD EPYC, most of which is `torch.export`.

```sh
python -m experiments.torch_networks
```

{summary}

| architecture | pixels | submodules | parameters | largest relative difference | at | float32 | convert, CPU seconds |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def compare(name: str, side: int) -> dict:
    """Converts one architecture and compares every submodule."""
    module, shape = build(name, side)
    image = randomize(module, shape)
    start = time.process_time()
    model = jaxviz.from_torch(module, shape).replace(preprocess=None)
    seconds = time.process_time() - start
    expected = outputs(module, image)
    known = {layer.name for layer in model.layers}
    compared = [layer for layer in expected if layer in known]
    # Compiled without what costs most time: the numbers are of one run.
    ask = jax.jit(
        lambda model, image: model.ask(image, lambda activations: {layer: activations[layer] for layer in compared}),
        compiler_options={"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True},
    )
    found = ask(model, image[0].numpy())
    differences = {layer: _difference(np.asarray(found[layer]), expected[layer]) for layer in compared}
    jax.clear_caches()
    worst = max(differences, key=differences.__getitem__)
    result = {
        "architecture": name,
        "side": shape[-1],
        "submodules": len(compared),
        "without": sorted(set(expected) - known)[:5],
        "parameters": sum(each.numel() for each in module.parameters()),
        "difference": differences[worst],
        "at": worst,
        "seconds": seconds,
    }
    if differences[worst] > 1e-5:
        exact = outputs(module.double(), image.double())
        own = {layer: _difference(expected[layer], exact[layer]) for layer in compared}
        result["float32"] = max(own.values())
        result["float32_there"] = own[worst]
        result["exact"] = max(_difference(np.asarray(found[layer]), exact[layer]) for layer in compared)
    return result


def outputs(module: torch.nn.Module, image: torch.Tensor) -> dict[str, np.ndarray]:
    """Returns what each submodule gives, by the path it is called by and the number of the call from the second on.

    A submodule that stands in several places has several paths. A call has the shortest one below the submodule that
    calls it.
    """
    found: dict[str, np.ndarray] = {}
    calls: Counter[str] = Counter()
    paths: dict[torch.nn.Module, list[str]] = {}
    for path, each in module.named_modules(remove_duplicate=False):
        paths.setdefault(each, []).append(path)
    around = [""]

    def before(each, _) -> None:
        inside = [path for path in paths[each] if path.startswith(f"{around[-1]}." if around[-1] else "")]
        around.append(min(inside or paths[each], key=lambda path: (path.count("."), calls[path])))

    def after(_, __, output) -> None:
        path = around.pop()
        calls[path] += 1
        if isinstance(output, torch.Tensor) and output.is_floating_point():
            name = path if calls[path] == 1 else f"{path}#{calls[path]}"
            array = output.detach().numpy().copy()  # others may change it in its place
            found[name] = array[0] if array.shape[:1] == (1,) else array

    inner = [each for each in paths if each is not module]
    hooks = [each.register_forward_pre_hook(before) for each in inner]
    hooks += [each.register_forward_hook(after) for each in inner]
    with torch.no_grad():
        module(image)
    for hook in hooks:
        hook.remove()
    return found


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30)) if found.size else 0.0


def row(result: dict) -> str:
    """Writes a result as a line of the table."""
    if "error" in result:
        return f"| {result['architecture']} | - | - | - | {result['error']} | - | - | - |"
    own = f"{result['float32']:.1e}" if "float32" in result else ""
    cells = (
        result["architecture"],
        result["side"],
        result["submodules"],
        f"{result['parameters'] / 1e6:.1f} M",
        f"{result['difference']:.1e}",
        result["at"],
        own,
        f"{result['seconds']:.1f}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def summary(results: list[dict]) -> str:
    """Counts the results."""
    lines = []
    for library in ("torchvision", "timm"):
        own = [result for result in results if result["architecture"].startswith(library)]
        count = sum(name.startswith(library) for name in names())
        good = [result for result in own if result.get("difference", 1) <= 1e-5]
        fair = [result for result in own if 1e-5 < result.get("difference", 1) <= 5e-5]
        far = [result for result in own if result.get("difference", 0) > 5e-5]
        refused = [result for result in own if "error" in result]
        named = "; ".join(
            f"`{result['architecture'].partition('/')[2]}` differs by {result['difference']:.1e}, where PyTorch in "
            f"float32 differs from float64 by {result['float32']:.1e}"
            for result in far
        )
        lines.append(
            f"{len(own)} of the {count} networks of {library} were compared. {len(good)} agree within 1e-5 at every "
            f"submodule, {len(fair)} more within 5e-5, and {len(refused)} are refused{f'; {named}' if named else ''}."
        )
    return "\n\n".join(textwrap.fill(line, 120) for line in lines)


def main(arguments: list[str] | None = None) -> None:
    """Runs the comparison and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="these architectures; default: all")
    parser.add_argument("--side", type=int, default=SIDE, help="side of the image, in pixels")
    parser.add_argument("--results", type=Path, help="a file of results, which is appended to; those in it are kept")
    parser.add_argument(
        "--write", action="store_true", help="write the comparison in docs/torch-networks.md of the results"
    )
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    results: dict[str, dict] = {}
    if options.results and options.results.exists():
        results = {(one := json.loads(line))["architecture"]: one for line in options.results.read_text().splitlines()}
    for name in options.only or names():
        if name in results and "error" not in results[name]:
            continue
        try:
            results[name] = compare(name, options.side)
        except Exception as error:  # a refusal, or whatever an architecture's own code raises
            results[name] = {"architecture": name, "error": f"{type(error).__name__}: {error}"[:300]}
        print(row(results[name]), flush=True)
        if options.results:
            with options.results.open("a") as file:
                file.write(json.dumps(results[name]) + "\n")
    if options.write:
        import timm
        import torchvision

        head = HEAD.format(
            torch=torch.__version__.partition("+")[0],
            torchvision=torchvision.__version__.partition("+")[0],
            timm=timm.__version__,
            side=options.side,
            summary=summary([*results.values()]),
        )
        before = TABLE.read_text().partition(TITLE)[0]  # is written by hand
        TABLE.write_text(
            before + TITLE + head + "\n".join(row(results[name]) for name in names() if name in results) + "\n"
        )


if __name__ == "__main__":
    main()
