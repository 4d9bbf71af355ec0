"""Dialects: the architecture in the form of any Keras version -> one canonical graph of layers."""

import collections
from collections.abc import Iterable, Mapping, Sequence

from jaxviz.keras.config import vocabulary
from jaxviz.keras.config.entries import entries_of, field, is_model, names_of, shape_of
from jaxviz.keras.config.graph import Architecture, Call, Input, LayerConfig, Slot
from jaxviz.keras.config.inbound import Reference, find_references, read_node, references_of, substitute
from jaxviz.keras.config.ordering import ordered
from jaxviz.values.errors import ModelFileError

__all__ = ["canonical"]

_MOST_CALLS = 5_000  # the largest network of keras.applications has about a thousand
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
    kind = str(field(config, "class_name", path))
    if not is_model(config):
        raise ModelFileError(f"{path} holds a {kind}; a Sequential or functional model is needed")
    major = keras_version.partition(".")[0]
    reader = _Reader(path, int(major) if major.isdigit() else 2)
    outputs = reader.expand(config, "", None, 0)
    if not reader.calls:
        raise ModelFileError(f"{path} holds a {kind} model without layers")
    names = collections.Counter((*(each.name for each in reader.inputs), *(call.name for call in reader.calls)))
    [(name, times)] = names.most_common(1)
    if times > 1:
        raise ModelFileError(f"{path} has two activations called {name!r}")
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
        config = field(model, "config", self.path)
        if isinstance(config, Mapping) and "input_layers" in config:
            return self._expand_functional(config, scope, given, depth)
        return self._expand_sequential(model, scope, given, depth)

    def _expand_sequential(self, model: object, scope: str, given: Sequence[str] | None, depth: int) -> list[str]:
        entries = entries_of(model, self.path)
        names = names_of(entries, self.path)
        for name, entry in zip(names, entries, strict=True):
            self._declare(name, entry, scope)
        first_is_input = entries[0]["class_name"] == "InputLayer"
        if given is None:
            # Without an input layer the image has a name that no layer can have.
            self.inputs.append(Input(name=names[0] if first_is_input else "", shape=shape_of(model, self.path)))
            given = [self.inputs[-1].name]
        if len(given) != 1:
            raise ModelFileError(f"{self.path}: {scope!r} is called with {len(given)} activations and takes one")
        outputs = list(given)
        for name, entry in zip(names, entries, strict=True):
            if entry["class_name"] != "InputLayer":
                outputs = self._call(_join(scope, name), entry, (Slot(0),), {}, outputs[:1], depth)
        return outputs

    def _expand_functional(self, config: Mapping, scope: str, given: Sequence[str] | None, depth: int) -> list[str]:
        entries = entries_of({"config": config}, self.path)
        names = names_of(entries, self.path)
        by_name = dict(zip(names, entries, strict=True))
        for name, entry in by_name.items():
            self._declare(name, entry, scope)
        sources = find_references(config["input_layers"])
        produced: dict[tuple[str, int], list[str]] = {}
        if given is None:
            given = [reference.layer for reference in sources]
            for name in given:
                self.inputs.append(Input(name=name, shape=shape_of(field(by_name, name, self.path), self.path)))
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
        if not sources or not destinations:
            raise ModelFileError(f"{self.path} holds a model without inputs or outputs")
        nodes = self._nodes(by_name, destinations)
        for name, node in ordered(nodes, produced, self.path):
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
            if entry["class_name"] == "InputLayer" or not isinstance(inbound, list):
                continue
            for number, node in enumerate(inbound):
                try:
                    nodes[name, number] = read_node(node, entries)
                except ValueError as error:
                    raise ModelFileError(f"{self.path}: layer {name!r}: {error}") from error
        referred = collections.defaultdict(set)
        for reference in (*references_of(list(nodes.values())), *outputs):
            referred[reference.layer].add(reference.node)
        # Keras 2 counts the call by which a model inside was made, and does not write it down.
        return {
            (name, number + (is_model(entries[name]) and 0 not in referred[name])): node
            for (name, number), node in nodes.items()
        }

    def _call(
        self, scope: str, entry: Mapping, arguments: tuple, keywords: Mapping, inputs: Sequence[str], depth: int
    ) -> list[str]:
        """Appends one call of a layer, or of all layers of a model inside; returns the names of its outputs."""
        outputs = self.expand(entry, scope, inputs, depth + 1) if is_model(entry) else []
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
        if not is_model(entry):
            kind, settings, custom = vocabulary.translate(entry, self.keras_major)
        else:
            settings = {}
        self.layers[scope] = LayerConfig(scope=scope, kind=kind, settings=settings, parent=parent, custom=custom)


def _join(scope: str, name: str) -> str:
    return f"{scope}/{name}" if scope else name
