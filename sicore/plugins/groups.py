"""The groups of things that a plugin can register: a closed list, one meaning each.

A group's *form* says what a target is and how it is used:

- ``class``: ``"module:attribute"``, a class or function that is called with a configuration;
- ``object``: ``"module:attribute"``, used as it is, without parameters;
- ``resource``: ``"package:relative/path"``, a file or folder shipped inside a package.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Form = Literal["class", "object", "resource"]


class Group(NamedTuple):
    """One kind of registered thing."""

    name: str
    form: Form
    meaning: str


GROUPS: dict[str, Group] = {
    group.name: group
    for group in (
        Group("domain", "class", "what the states are and what the user sees of them"),
        Group("dataset", "class", "training data, with its source and licence"),
        Group("backbone", "class", "a network: (state, time, condition) to a state"),
        Group("interpolant", "class", "a path from the source (t = 0) to the data (t = 1)"),
        Group("gamma", "class", "the noise between the ends of a two-sided path"),
        Group("kind", "object", "what a network predicts: velocity, score, noise, data"),
        Group("time_law", "class", "how training times are drawn"),
        Group("weight", "class", "how losses are weighted over time"),
        Group("coupling", "class", "how source and data are paired in training"),
        Group("source", "class", "a law of the source states of a two-sided path"),
        Group("regulariser", "class", "a term that is added to the loss"),
        Group("preconditioning", "class", "scaling of a network's input and output"),
        Group("solver", "class", "one step of an ODE or SDE integration"),
        Group("grid", "class", "where the time steps of a sampler lie"),
        Group("operator", "class", "a measurement of a state"),
        Group("method", "class", "how a measurement guides a sampler"),
        Group("metric", "object", "figures of a result, in the evaluation of one domain"),
        Group("preset", "resource", "a configuration to train from"),
        Group("model", "resource", "a trained model's folder"),
        Group("command", "object", "a subcommand of sicore"),
    )
}
