"""Fetal biometry: four lengths that an ultrasound scan measures, and the gestational age at the scan. All are drawn.

Growth follows the curves of Hadlock, Deter, Harrist and Park (Radiology 152:497-501, 1984), which flatten towards term.
Three things put a measurement off its curve, each as a share of the length:

- the size of the fetus, which all its lengths and all its scans share (constitution, or restricted growth);
- its proportions, which one length shares over all scans (a long, narrow head has a small BPD for its HC);
- the error of the operator, new in every measurement. Sarris et al. (Ultrasound Obstet. Gynecol. 39:266-273, 2012)
  found 95 % limits between two operators of 5 % for HC, 9 % for AC and 11 % for FL, the same at all ages. The SD of one
  measurement is such a limit divided by 1.96 and by the square root of 2.

Together they give the spread of published charts: an SD of 3 % for HC, 4 % for BPD, 5 % for AC and FL. Every fetus has
three scans, so rows of one fetus resemble each other, and a split by rows instead of subjects flatters a model.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from assignments.data.source import Arrays, Axes, Endless

LENGTHS = ("BPD", "HC", "AC", "FL")
SCANS = 3
"""Of each fetus; the last one of a draw may have fewer."""
WEEKS = (16.0, 38.0)
CURVES = 10 * np.array(
    [
        (-3.08, 0.41, 0.0, -0.000061),
        (-11.48, 1.56, 0.0, -0.0002548),
        (-13.3, 1.61, -0.00998, 0.0),
        (-3.91, 0.427, -0.0034, 0.0),
    ]
)
"""(4, 4) mm: the coefficients of 1, w, w^2 and w^3 at week w, for each of LENGTHS."""
SIZE = 0.025
PROPORTIONS = np.array([0.025, 0.010, 0.025, 0.015])
OPERATOR = np.array([0.018, 0.018, 0.032, 0.040])


def fetal_biometry(n: int, rng: Generator) -> Arrays:
    """`n` scans of singleton pregnancies, at ages that are spread evenly over WEEKS.

    Returns:
        x: (n, 4) float32 mm, in the order of LENGTHS.
        y: (n,) float32, weeks of gestation.
        subject: (n,) int64, numbered from 0.
    """
    subject = np.arange(n) // SCANS
    fetuses = -(-n // SCANS)
    week = rng.uniform(*WEEKS, n)
    own = rng.normal(0, SIZE, (fetuses, 1)) + rng.normal(0, 1, (fetuses, 4)) * PROPORTIONS
    error = rng.normal(0, 1, (n, 4)) * OPERATOR
    x = expected_lengths(week) * (1 + own[subject] + error)
    return {"x": x.astype(np.float32), "y": week.astype(np.float32), "subject": subject}


def expected_lengths(week: np.ndarray) -> np.ndarray:
    """(n, 4) mm: what the growth curves say at each week."""
    lengths: np.ndarray = week[:, None] ** np.arange(4) @ CURVES.T
    return lengths


SOURCE = Endless(
    {"x": Axes("float32", "4"), "y": Axes("float32", "", role="truth")}, fetal_biometry, small_cases=fetal_biometry
)
