"""Which method to take for given words, a width and a batch, from the counts alone. No torch unless steps are timed."""

from vastmax.compare.advice.advise import Advice, advise
from vastmax.compare.advice.calibration import calibrated_machine, kept_machine
from vastmax.compare.advice.choice import Choice, Reasoned
from vastmax.compare.advice.machine import DEVELOPMENT_MACHINE, Machine
from vastmax.compare.advice.measurement import Measurement, Timing
from vastmax.methods.case import PURPOSES, MethodCost, Purpose
from vastmax.methods.work import MethodWork, Work

__all__ = [
    "DEVELOPMENT_MACHINE",
    "PURPOSES",
    "Advice",
    "Choice",
    "Machine",
    "Measurement",
    "MethodCost",
    "MethodWork",
    "Purpose",
    "Reasoned",
    "Timing",
    "Work",
    "advise",
    "calibrated_machine",
    "kept_machine",
]
