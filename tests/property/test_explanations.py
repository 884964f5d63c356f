"""An explanation leaves nothing without a word: held on generated tenants."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message
from hypothesis import given

from tests.kit.worlds import World, demands, worlds
from tests.property.test_allocation_pipeline import MANY, questions, some_product, steps
from weir.aggregator.v1 import explanation_pb2 as pb
from weir.common.v1 import verdict_pb2
from weir_aggregator.wire import answers, remedies, sentences
from weir_allocation.advice import Lever, advise
from weir_allocation.pipeline import explain
from weir_allocation.stock import Demand, Product
from weir_allocation.trace import Stage, Subject, Verdict


def said(step: pb.Step) -> Iterator[pb.Step]:
    """A step, and all it is made of."""
    yield step
    for each in step.steps:
        yield from said(each)


@MANY
@given(worlds(), some_product, demands())
def test_every_step_and_every_remedy_has_its_sentence(world: World, product: Product, demand: Demand) -> None:
    """Each is whole, each step is told as it was computed, and each remedy says how far it raises the level."""
    for question in questions(world, product, demand).values():
        traced, advice = explain(question), advise(question)
        answer = answers.explanation(traced, advice, [])
        told = [each for step in answer.steps for each in said(step)]
        assert sorted((each.units_in, each.units_out) for each in told) == sorted(
            (each.units_in, each.units_out) for each in steps(traced)
        )
        for each in told:
            whole(each)
        for remedy in answer.remedies:
            whole(remedy)
            assert f" gives {remedy.level - answer.level} more." in remedy.sentence


def whole(message: pb.Step | pb.Remedy) -> None:
    """One sentence, with every number in its place, about something that has a name."""
    sentence = message.sentence
    assert sentence.endswith(".")
    assert not set("{}") & set(sentence)
    assert message.name
    assert all(getattr(message, name) for name in ("stage", "subject", "lever") if has(message, name))


def has(message: Message, field: str) -> bool:
    """Whether a message is of a sort that has the field."""
    return field in message.DESCRIPTOR.fields_by_name


def test_the_words_of_the_contract_are_those_of_the_library() -> None:
    """Stages, subjects, verdicts and levers match one to one: each of either side is one of the other."""
    assert (set(answers.STAGES), set(answers.SUBJECTS)) == (set(Stage), set(Subject))
    assert (set(answers.VERDICTS), set(answers.LEVERS)) == (set(Verdict), set(Lever))
    assert sorted(answers.STAGES.values()) == pb.Stage.values()[1:]
    assert sorted(answers.SUBJECTS.values()) == pb.Step.Subject.values()[1:]
    assert sorted(answers.VERDICTS.values()) == verdict_pb2.Verdict.values()
    assert sorted(answers.LEVERS.values()) == pb.Remedy.Lever.values()[1:]
    assert (set(sentences.TEMPLATES), set(remedies.TEMPLATES)) == (set(Stage), set(Lever))
