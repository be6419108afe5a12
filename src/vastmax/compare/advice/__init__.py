"""Advice on the method for given words, width and batch, from counts alone; torch is needed only for timing."""

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
