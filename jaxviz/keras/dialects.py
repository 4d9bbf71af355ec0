"""Dialects: every generation's architecture -> one canonical graph of layers."""

import collections
import heapq
from collections.abc import Iterable, Mapping, Sequence

from jaxviz.errors import ModelFileError
from jaxviz.keras import vocabulary
from jaxviz.keras.graph import Architecture, Call, Input, LayerConfig, Slot
from jaxviz.keras.inbound import Reference, find_references, read_node, references_of, substitute

__all__ = ["canonical"]

_MOST_CALLS = 20_000  # the largest network of keras.applications has about a thousand
_DEEPEST = 30  # models within models


def canonical(config: object, keras_version: str, path: str) -> Architecture:
    """Reads an architecture: Sequential or functional, models within models, of any version of Keras.

    Models inside are taken apart: their layers become layers ``outer/inner`` of the whole.

    Args:
      config: the architecture, as Keras wrote it: ``{"class_name": …, "config": …}``.
      keras_version: what wrote it, such as ``2.1.5``; empty where the file does not say.
      path: where it comes from, for messages.

    Raises:
      ModelFileError: it is no such thing, or its layers wait for each other.
    """
    kind = str(_field(config, "class_name", path))
    if not _is_model(config):
        raise ModelFileError(f"{path} holds a {kind}; a Sequential or functional model is needed")
    major = keras_version.partition(".")[0]
    reader = _Reader(path, int(major) if major.isdigit() else 2)
    outputs = reader.expand(config, "", None, 0)
    if not reader.calls:
        raise ModelFileError(f"{path} holds a {kind} model without layers")
    return Architecture(
        inputs=tuple(reader.inputs),
        layers=tuple(reader.layers.values()),
        calls=tuple(reader.calls),
        outputs=tuple(outputs),
        keras_major=reader.keras_major,
    )


class _Reader:
    """Takes models apart, call by call."""

    def __init__(self, path: str, keras_major: int):
        self.path = path
        self.keras_major = keras_major
        self.inputs: list[Input] = []
        self.layers: dict[str, LayerConfig] = {}
        self.calls: list[Call] = []
        self._times: collections.Counter[str] = collections.Counter()

    def expand(self, model: object, scope: str, given: Sequence[str] | None, depth: int) -> list[str]:
        """Appends the calls of a model's layers; returns the names of its outputs.

        Args:
          model: the model's entry.
          scope: its own; empty for the outermost.
          given: the activations it is called with; None for the outermost, which declares its inputs itself.
          depth: how many models it is inside of.
        """
        if depth > _DEEPEST:
            raise ModelFileError(f"{self.path}: models are nested more than {_DEEPEST} deep")
        config = _field(model, "config", self.path)
        if isinstance(config, Mapping) and "input_layers" in config:
            return self._expand_functional(config, scope, given, depth)
        return self._expand_sequential(model, scope, given, depth)

    def _expand_sequential(self, model: object, scope: str, given: Sequence[str] | None, depth: int) -> list[str]:
        entries = self._entries(model)
        names = self._names(entries)
        for name, entry in zip(names, entries, strict=True):
            self._declare(name, entry, scope)
        first_is_input = entries[0]["class_name"] == "InputLayer"
        if given is None:
            # Without an input layer the image has a name that no layer can have.
            self.inputs.append(Input(name=names[0] if first_is_input else "", shape=self._shape(model)))
            given = [self.inputs[-1].name]
        if len(given) != 1:
            raise ModelFileError(f"{self.path}: {scope!r} is called with {len(given)} activations and takes one")
        outputs = list(given)
        rest = slice(1, None) if first_is_input else slice(None)
        for name, entry in zip(names[rest], entries[rest], strict=True):
            outputs = self._call(_join(scope, name), entry, (Slot(0),), {}, outputs[:1], depth)
        return outputs

    def _expand_functional(self, config: Mapping, scope: str, given: Sequence[str] | None, depth: int) -> list[str]:
        entries = self._entries({"config": config})
        names = self._names(entries)
        by_name = dict(zip(names, entries, strict=True))
        for name, entry in by_name.items():
            self._declare(name, entry, scope)
        sources = find_references(config["input_layers"])
        produced: dict[tuple[str, int], list[str]] = {}
        if given is None:
            given = [reference.layer for reference in sources]
            self.inputs += [Input(name=name, shape=self._shape(by_name[name])) for name in given if name in by_name]
        if len(given) != len(sources):
            raise ModelFileError(
                f"{self.path}: {scope!r} is called with {len(given)} activations and takes {len(sources)}"
            )
        for reference, name in zip(sources, given, strict=True):
            produced[reference.layer, reference.node] = [name]

        def resolve(reference: Reference) -> str:
            outputs = produced.get((reference.layer, reference.node), [])
            if reference.tensor >= len(outputs):
                raise ModelFileError(
                    f"{self.path}: output {reference.tensor} of call {reference.node} of layer {reference.layer!r} "
                    "is read, which is not there"
                )
            return outputs[reference.tensor]

        destinations = find_references(config.get("output_layers"))
        nodes = self._nodes(by_name, destinations)
        for name, node in self._ordered(nodes, produced):
            arguments, keywords = nodes[name, node]
            inputs = [resolve(reference) for reference in references_of((arguments, keywords))]
            slots = iter(range(len(inputs)))
            arguments, keywords = substitute((arguments, keywords), lambda _: Slot(next(slots)))  # noqa: B023
            produced[name, node] = self._call(_join(scope, name), by_name[name], arguments, keywords, inputs, depth)
        return [resolve(reference) for reference in destinations]

    def _nodes(self, entries: Mapping[str, Mapping], outputs: Iterable[Reference]) -> dict[tuple[str, int], tuple]:
        """Reads all calls: (layer's name, number of the call) -> arguments and keywords."""
        nodes: dict[tuple[str, int], tuple] = {}
        for name, entry in entries.items():
            inbound = entry.get("inbound_nodes") or []
            for number, node in enumerate(inbound if isinstance(inbound, list) else []):
                try:
                    nodes[name, number] = read_node(node, entries)
                except ValueError as error:
                    raise ModelFileError(f"{self.path}: layer {name!r}: {error}") from error
        referred = collections.defaultdict(set)
        for reference in (*references_of(list(nodes.values())), *outputs):
            referred[reference.layer].add(reference.node)
        # Keras 2 counts the call by which a model inside was made, and does not write it down.
        return {
            (name, number + (_is_model(entries[name]) and 0 not in referred[name])): node
            for (name, number), node in nodes.items()
        }

    def _ordered(
        self, nodes: Mapping[tuple[str, int], tuple], known: Mapping[tuple[str, int], object]
    ) -> Iterable[tuple[str, int]]:
        """Yields the calls so that each stands behind those it reads, else in the file's order."""
        places = {call: place for place, call in enumerate(nodes)}
        waits = {
            call: {(r.layer, r.node) for r in references_of(node)} - set(known)
            for call, node in nodes.items()
            if call not in known
        }
        readers = collections.defaultdict(list)
        for call, needs in waits.items():
            for need in needs:
                readers[need].append(call)
        ready = [(places[call], call) for call, needs in waits.items() if not needs]
        heapq.heapify(ready)
        done = 0
        while ready:
            _, call = heapq.heappop(ready)
            yield call
            done += 1
            for reader in readers[call]:
                waits[reader].discard(call)
                if not waits[reader]:
                    heapq.heappush(ready, (places[reader], reader))
        if done < len(waits):
            stuck = sorted({name for (name, _), needs in waits.items() if needs})
            raise ModelFileError(
                f"{self.path}: {', '.join(stuck[:5])} read what never comes: a cycle, or no such layer"
            )

    def _call(
        self, scope: str, entry: Mapping, arguments: tuple, keywords: Mapping, inputs: Sequence[str], depth: int
    ) -> list[str]:
        """Appends one call of a layer, or of all layers of a model inside; returns the names of its outputs."""
        outputs = self.expand(entry, scope, inputs, depth + 1) if _is_model(entry) else []
        if outputs:  # the model's own name stands for its first output
            inputs, arguments, keywords = outputs[:1], (Slot(0),), {}
        times, self._times[scope] = self._times[scope], self._times[scope] + 1
        name = f"{scope}/{times}" if times else scope
        if len(self.calls) >= _MOST_CALLS:
            raise ModelFileError(f"{self.path} has more than {_MOST_CALLS:,} calls of layers")
        self.calls.append(
            Call(
                name=name,
                layer=self.layers[scope],
                inputs=tuple(inputs),
                arguments=arguments,
                keywords=keywords,
            )
        )
        return [name, *outputs[1:]]

    def _declare(self, name: str, entry: Mapping, parent: str) -> None:
        scope = _join(parent, name)
        if scope in self.layers or entry["class_name"] == "InputLayer":
            return  # the model inside is called again
        kind, settings, custom = str(entry["class_name"]), entry["config"], False
        if not _is_model(entry):
            kind, settings, custom = vocabulary.translate(entry, self.keras_major)
        else:
            settings = {}
        self.layers[scope] = LayerConfig(scope=scope, kind=kind, settings=settings, parent=parent, custom=custom)

    def _entries(self, model: object) -> list[Mapping]:
        """Returns the entries of a model's layers: each has a class and settings."""
        config = _field(model, "config", self.path)
        # Keras before 2.2.3 wrote a bare list for Sequential.
        entries = config if isinstance(config, list) else _field(config, "layers", self.path)
        if not isinstance(entries, list) or not entries:
            raise ModelFileError(f"{self.path} holds a model without layers")
        for entry in entries:
            settings = _field(entry, "config", self.path)
            if not isinstance(settings, Mapping) and not _is_model(entry):
                raise ModelFileError(f"{self.path}: a layer's 'config' is no table of settings")
            _field(entry, "class_name", self.path)
        return entries

    def _names(self, entries: Sequence[Mapping]) -> list[str]:
        names = []
        for place, entry in enumerate(entries):
            settings = entry["config"] if isinstance(entry["config"], Mapping) else {}
            names.append(str(entry.get("name", settings.get("name", f"layer_{place}"))))
        repeated = sorted(name for name, times in collections.Counter(names).items() if times > 1)
        if repeated:
            raise ModelFileError(f"{self.path} has two layers called {', '.join(repeated)}")
        if "" in names:
            raise ModelFileError(f"{self.path} has a layer without a name")
        return names

    def _shape(self, entry: object) -> tuple[int | None, ...] | None:
        """Returns the shape of one image that an entry says it takes; of a Sequential, what its first layer says."""
        for _ in range(_DEEPEST):
            if not isinstance(entry, Mapping):
                return None
            config, build = entry.get("config"), entry.get("build_config")
            said = config if isinstance(config, Mapping) else {}
            shape = said.get("batch_input_shape") or said.get("batch_shape") or said.get("build_input_shape")
            if shape is None and isinstance(build, Mapping):
                shape = build.get("input_shape")
            if shape is None and isinstance(said.get("input_dim"), int) and entry.get("class_name") == "Dense":
                shape = (None, said["input_dim"])  # as Keras 1 wrote it
            if shape is not None:
                return self._sides(shape)
            layers = config if isinstance(config, list) else said.get("layers")
            entry = layers[0] if isinstance(layers, list) and layers else None
        return None

    def _sides(self, shape: object) -> tuple[int | None, ...]:
        sides = tuple(shape[1:]) if isinstance(shape, list | tuple) else ()
        if not sides or not all(side is None or (isinstance(side, int) and 0 < side < 1 << 16) for side in sides):
            raise ModelFileError(f"{self.path}: an input of shape {shape!r}; lengths of 1 to 65535 are needed")
        return sides


def _is_model(entry: object) -> bool:
    """Tells a model from a layer: a subclass of Model that was saved with its graph is one, too."""
    if not isinstance(entry, Mapping):
        return False
    config = entry.get("config")
    is_graph = isinstance(config, Mapping) and {"layers", "input_layers", "output_layers"} <= config.keys()
    return entry.get("class_name") == "Sequential" or is_graph


def _join(scope: str, name: str) -> str:
    return f"{scope}/{name}" if scope else name


def _field(value: object, name: str, path: str):
    if not isinstance(value, Mapping) or name not in value:
        raise ModelFileError(f"{path}: its architecture has no {name!r} where one is needed")
    return value[name]
