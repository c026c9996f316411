"""The chosen arithmetic: what this CPU does fast, whatever instructions it has."""

import pytest
import torch
from torch import nn

from core.models import precision
from core.models.precision import bf16_gain, choose_precision

CPU = torch.device("cpu")


def chosen(asked: str = "auto") -> torch.dtype:
    return choose_precision(CPU, asked, nn.Linear(2, 2)).dtype


@pytest.fixture
def gain(monkeypatch):
    def set_to(value: float) -> None:
        monkeypatch.setattr(precision, "bf16_gain", lambda: value)
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)

    return set_to


def test_a_transformer_computes_in_bf16_where_that_is_faster_and_only_there(gain):
    gain(2.8)
    assert chosen() is torch.bfloat16
    gain(0.55)
    assert chosen() is torch.float32
    assert chosen("bf16") is torch.bfloat16


def test_the_gain_is_measured_once():
    assert 0.05 < bf16_gain() < 50
    assert bf16_gain() == bf16_gain()


def test_who_does_not_need_to_know_does_not_wait_for_the_measurement(gain, monkeypatch):
    gain(2.8)
    monkeypatch.setattr(precision, "bf16_gain", lambda: pytest.fail("it takes 0.1 s"))
    convolutional = nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(5)))
    assert choose_precision(CPU, "auto", convolutional).dtype is torch.float32
    assert chosen("fp32") is torch.float32
    assert chosen("bf16") is torch.bfloat16
