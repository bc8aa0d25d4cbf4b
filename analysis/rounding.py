# SPDX-License-Identifier: BSD-3-Clause
"""Numbers with bounds of their rounding errors: running error analysis (Higham, Accuracy and Stability of Numerical
Algorithms, 3.3), in which a sum of n terms costs sqrt(n) (Higham and Mary, SISC 2019), not n.

Bounds are relative to what was added up, and have an absolute term for underflow (Higham, 2.2: a product is off by its
roundoff, or by the spacing of subnormal numbers). Errors are in units of roundoff, numpy's own f64 included.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

F64_ROUNDOFF = 2.0**-53


@dataclass(frozen=True)
class Format:
    """What numbers of a precision are computed in."""

    roundoff: float  # of products and sums
    least: float  # what a product may lose by underflow; stored numbers below it count as 0
    weight: float  # the smallest weight that kernels tell from less, where a row's largest is 1
    stored: float = 0.0  # roundoff of what is kept in 16 bits on the way
    stored_least: float = 0.0  # what that may lose by underflow
    weights: float = 0.0  # what weights may be rounded by, or their exponential be off by, beyond `roundoff`
    factors: float = 0.0  # what queries, keys, weights and values are rounded by before they are multiplied

    @property
    def unit(self) -> float:
        return self.roundoff + F64_ROUNDOFF


FORMATS = {
    "f32": Format(2.0**-24, 2.0**-149, 2.0**-125),
    "f64": Format(F64_ROUNDOFF, 2.0**-1074, 2.0**-1021),
    # Products of bf16 flush subnormal numbers to zero; weights may be rounded to bf16, their exponential be as coarse.
    "bf16": Format(2.0**-24, 2.0**-126, 2.0**-125, 2.0**-8, 2.0**-126, 2.0**-9 + 2.0**-13),
    "f16": Format(2.0**-24, 2.0**-149, 2.0**-125, 2.0**-11, 2.0**-25),
    # Knowledge in bytes, beside f32: weights are multiplied by scales before values of up to 2^31 are. What is kept of
    # it are the numbers that the bytes stand for.
    "int8": Format(2.0**-24, 2.0**-119, 2.0**-125),
    "fp8": Format(2.0**-24, 2.0**-119, 2.0**-125),
}
# Kernels of devices, and the precision that they compute in: what they do beyond its format.
DEVICES = {
    ("cublas", "f32"): {"weights": 2.0**-22},
    ("cublas", "bf16"): {"weights": FORMATS["bf16"].weights + 2.0**-22},
    ("cublas_tf32", "f32"): {"weights": 2.0**-10, "factors": 2.0**-10},
    ("cuda", "f32"): {"weights": 2.0**-22, "factors": 2.0**-21},
    ("cuda", "bf16"): {"weights": FORMATS["bf16"].weights + 2.0**-22},
    ("cuda", "f16"): {"weights": 2.0**-11 + 2.0**-22, "weight": 2.0**-38},  # weights are f16, 2^14 times larger
}
POOLED_IN_16_BITS = ("self", "joint")  # other models make theirs of f32 numbers
WEIGHED_IN_16_BITS = ("knowledge", "self", "joint", "equivariant")  # a softmax over the numbers as they are stored
WEIGHED_IN_F32 = ("moment", "equivariant", "transformer")  # one over numbers that were made of them


def format_of(case: pd.Series) -> Format:
    found = FORMATS[case["precision"]]
    if case.get("exact") == "yes":  # keys may be left out that weigh less, all together, than f32 rounds
        found = replace(found, weight=2.0**-24 / max(int(case["m"]), 1))
    if case["model"] not in POOLED_IN_16_BITS:
        found = replace(found, stored=0.0, stored_least=0.0)
    if case["model"] not in WEIGHED_IN_16_BITS:
        found = replace(found, weights=0.0)
    kinds = [case["precision"]] if case["model"] in WEIGHED_IN_16_BITS else []
    kinds += ["f32"] if case["model"] in WEIGHED_IN_F32 and case["precision"] != "f64" else []
    for kind in kinds:
        for name, value in DEVICES.get((case["kernel"], kind), {}).items():
            found = replace(found, **{name: max(value, getattr(found, name))})
    return found


@dataclass
class Computed:
    """A matrix, how far rounding may have moved each component where it was computed, and the magnitude of what was
    added up for it: where the error is no smaller, nothing is known of the component.
    """

    value: np.ndarray
    error: np.ndarray  # in units of roundoff
    size: np.ndarray
    format: Format

    def __add__(self, other: "Computed") -> "Computed":
        value = self.value + other.value
        return Computed(value, self.error + other.error + np.abs(value), self.size + other.size, self.format)

    def __matmul__(self, other: "Computed") -> "Computed":
        """The rows' scalar products; 4: scaling them, and the rounding of the result."""
        left, right, terms = np.abs(self.value), np.abs(other.value), self.value.shape[1]
        size = left @ right
        error = (np.sqrt(terms) + 4) * size + terms * self.format.least / self.format.unit
        if self.error.any():
            error += self.error @ right
        if other.error.any():
            error += left @ other.error
        return Computed(self.value @ other.value, error, size, self.format)

    def __getitem__(self, index: slice | tuple) -> "Computed":
        return Computed(self.value[index], self.error[index], self.size[index], self.format)

    @property
    def T(self) -> "Computed":  # noqa: N802, as numpy calls it
        return Computed(self.value.T, self.error.T, self.size.T, self.format)

    @property
    def allowed(self) -> np.ndarray:
        return self.format.unit * self.error


def exact(value: np.ndarray, numbers: Format) -> Computed:
    """As it is stored; what is below the least number may be taken for 0."""
    size = np.abs(value)
    return Computed(value, np.where(size < numbers.least, size, 0.0) / numbers.unit, size, numbers)


def stack(parts: list[Computed], axis: int) -> Computed:
    together = (np.concatenate([getattr(part, name) for part in parts], axis) for name in ("value", "error", "size"))
    return Computed(*together, parts[0].format)
