# SPDX-License-Identifier: BSD-3-Clause
"""Knowledge in 8 bits through the program: generated, from files of either kind, and exact."""

import h5py
import numpy as np
import pytest

CAMPAIGN = """\
name = "bytes"
timing = {{max_seconds = 0.01, min_repetitions = 3}}
[[study]]
name = "bytes"
knowledge = "{knowledge}"
model = "{model}"
precision = {precision}
{more}
n = 2
m = {m}
d = 64
ranks = [1, 2]
"""


@pytest.fixture
def run(knowscale, tmp_path):
    def of(precision, knowledge="gaussian", model="knowledge", m=900, more="", options=()):
        (tmp_path / "bytes.toml").write_text(CAMPAIGN.format(knowledge=knowledge, model=model, precision=precision, m=m, more=more))
        (tmp_path / "bytes.h5").unlink(missing_ok=True)
        done = knowscale("run", "bytes.toml", "-o", "bytes.h5", *options)
        if done.status != 0:
            return done, None
        with h5py.File(tmp_path / "bytes.h5") as file:
            return done, {name: file["cases"][name][:] for name in file["cases"]}

    return of


def quantised(keys, heads):
    """As data/README.md says."""
    parts = keys.astype("f4").reshape(len(keys), heads, -1)
    scales = np.abs(parts).max(axis=2) / 127
    scales = np.maximum((scales.view("u4") & 0xFFFFFF00).view("f4"), 2.0**-80).astype("f4")
    return np.clip(np.rint(parts / scales[:, :, None]), -127, 127).astype("i1").reshape(keys.shape), scales


def write(path, keys, scales=None, version=1):
    with h5py.File(path, "w") as file:
        file["keys"] = keys
        if scales is not None:
            file["key_scales"] = scales
        file.attrs.update(
            format="knowscale knowledge set", format_version=version, name="mine", source="drawn", licence="none",
            count=np.int64(keys.shape[0]), dimension=np.int64(keys.shape[1]),
        )
    return path


KEYS = np.random.default_rng(1).normal(size=(900, 64)).astype("f4")


def test_errors_against_f32_are_recorded_and_shown(run):
    done, cases = run('["f32", "int8", "fp8"]')
    assert "off f32" in done.out
    f32, int8, fp8 = (cases["quantisation_error"][cases["precision"] == name] for name in (b"f32", b"int8", b"fp8"))
    assert np.isnan(f32).all()
    assert (int8 > 1e-5).all() and (int8 < 0.05).all() and (fp8 > int8).all()
    assert (cases["quantisation_error"] <= cases["quantisation_bound"])[cases["precision"] != b"f32"].all()
    assert np.isnan(cases["keys_read"]).all()


def test_a_file_in_bytes_is_that_of_its_numbers(run, tmp_path):
    """What was quantised before is not quantised once more: nothing is off, and the kept keys are the file's."""
    keys, scales = quantised(KEYS, 1)
    write(tmp_path / "bytes_in.h5", keys, scales, 2)
    _, cases = run('["int8", "f32"]', knowledge="bytes_in.h5", options=["--keep-io"])
    assert (cases["quantisation_error"][cases["precision"] == b"int8"] < 1e-6).all()
    with h5py.File(tmp_path / "bytes.h5") as file:
        kept = [node[:] for name, node in walk(file) if name.endswith("keys")]
    assert len(kept) >= 2
    for one in kept:
        assert (one == (keys * scales).astype("f8")).all()


def walk(file):
    found = []
    file.visititems(lambda name, node: found.append((name, node)) if isinstance(node, h5py.Dataset) else None)
    return found


def test_an_exact_case_reads_what_matters(run, tmp_path):
    write(tmp_path / "sharp.h5", 30 * KEYS)
    done, cases = run('"int8"', knowledge="sharp.h5", more="exact = true")
    assert "keys read" in done.out
    assert ((cases["keys_read"] > 0) & (cases["keys_read"] < 0.3)).all()
    assert np.isnan(cases["quantisation_error"]).all()
    _, flat = run('"int8"', more="exact = true\nscale = 0.01")
    assert (flat["keys_read"] == 1).all()


@pytest.mark.parametrize(
    "study, message",
    [
        ({"precision": '"fp8"', "more": "exact = true"}, 'precision = "fp8", whose steps are too wide'),
        ({"precision": '"int8"', "more": "exact = true", "model": "transformer"}, "does not ask the knowledge as it is stored"),
        ({"precision": '"int8"', "more": 'exact = true\nkernel = "blas"'}, "reads all keys: use simd"),
        ({"precision": '"int8"', "model": "lstm"}, 'model "lstm" has no int8: use f32, f64'),
        ({"precision": '"int8"', "model": "self"}, 'model "self" has no int8'),
    ],
)
def test_what_8_bits_cannot_do_is_refused(run, study, message):
    done, _ = run(**study)
    assert done.status == 2
    assert message in done.err


@pytest.mark.parametrize(
    "scales, message",
    [
        (np.ones((900, 3), "f4"), "/key_scales is 900 x 3, beside 900 x 64 numbers"),
        (np.ones((899, 1), "f4"), "/key_scales is 899 x 1"),
        (np.where(np.arange(900) == 7, np.nan, 1).reshape(900, 1).astype("f4"), "/keys row 7 column 0"),
    ],
)
def test_scales_that_do_not_fit_are_refused(run, tmp_path, scales, message):
    write(tmp_path / "odd.h5", quantised(KEYS, 1)[0], scales, 2)
    done, _ = run('"int8"', knowledge="odd.h5")
    assert done.status == 3
    assert message in done.err
