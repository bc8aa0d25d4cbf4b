# SPDX-License-Identifier: BSD-3-Clause
"""Ranks with devices, on the emulated device: who has which, what is kept there, how states travel, and what is refused."""

import os
import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from launching import ROOT

EMULATED = Path(os.environ.get("KNOWSCALE_EMULATED", ROOT / "build" / "release" / "tests" / "cuda" / "knowscale_emulated"))

CAMPAIGN = """
name = "device"
[timing]
relative_interval = 0.5
min_repetitions = 3
max_seconds = 0.1
[[study]]
name = "small"
model = "knowledge"
kernel = ["cuda", "cublas"]
reduction = ["packed", "two_phase", "reduce_scatter"]
precision = ["f32", "bf16"]
n = 5
m = 200
d = 24
heads = 2
kv_heads = 1
ranks = 2
"""


@pytest.fixture
def emulated(knowscale, tmp_path):
    """Runs the program that has the emulated device, with as many devices as ranks unless said."""
    (tmp_path / "device.toml").write_text(CAMPAIGN)

    def run(*args, ranks=2, devices=2, **extra):
        return knowscale(*args, ranks=ranks, program=EMULATED, EMULATED_CUDA_DEVICES=str(devices), **extra)

    return run


# What CUDA, or cuBLAS, says of a device that is gone.
LOST = re.compile("unspecified launch failure|failed to launch on the GPU")


def column(file, table, name):
    with h5py.File(file) as h5:
        values = h5[f"{table}/{name}"][()]
    return [value.decode() for value in values] if values.dtype.kind == "S" else values


def test_every_way_of_merging_is_verified(emulated, tmp_path):
    """On three ranks, over the host and on devices; `verify` on this device (ctest) has every format on two."""
    done = emulated("run", "device.toml", "-o", "out.h5", "--set", "precision=bf16", "--set", "ranks=3", ranks=3, devices=3)
    assert done.status == 0, done.err
    done = emulated("run", "device.toml", "-o", "forced.h5", "--set", "transport=cuda_aware_forced",
                    "--set", 'reduction=["two_phase", "reduce_scatter"]', "--set", "precision=f32", "--set", "ranks=3", ranks=3,
                    devices=3)
    assert done.status == 0, done.err
    assert set(column(tmp_path / "forced.h5", "cases", "transport")) == {"cuda_aware_forced"}
    assert set(column(tmp_path / "out.h5", "cases", "transport")) == {"host"}


def test_copies_are_told_from_compute_and_from_exchange(emulated, tmp_path):
    assert emulated("run", "device.toml", "-o", "out.h5", "--set", "kernel=cuda").status == 0
    parts = {name: column(tmp_path / "out.h5", "samples", name) for name in ("seconds", "compute", "copy", "exchange", "wait")}
    assert (parts["copy"] > 0).all()
    total = parts["compute"] + parts["copy"] + parts["exchange"] + parts["wait"]
    np.testing.assert_allclose(total, parts["seconds"], rtol=1e-9)


def test_the_record_names_the_device_of_every_rank(emulated, tmp_path):
    assert emulated("run", "device.toml", "-o", "out.h5").status == 0
    devices, ranks = column(tmp_path / "out.h5", "ranks", "device"), column(tmp_path / "out.h5", "ranks", "rank")
    for device, rank in zip(devices, ranks, strict=True):
        assert device == f"emulated on the host at 0000:{rank:02x}:00.0"
    assert set(column(tmp_path / "out.h5", "ranks", "ranks_on_device")) == {1}


def test_ranks_share_a_device_where_the_campaign_allows_it(emulated, tmp_path):
    done = emulated("run", "device.toml", "-o", "out.h5", devices=1)
    assert done.status == 3 and len(done.errors) == 1
    assert "2 ranks on" in done.errors[0] and "ranks_per_device = 2" in done.errors[0]
    assert emulated("run", "device.toml", "-o", "out.h5", "--set", "ranks_per_device=2", devices=1).status == 0
    assert set(column(tmp_path / "out.h5", "ranks", "ranks_on_device")) == {2}


def test_without_a_device_nothing_is_measured(emulated, tmp_path):
    done = emulated("run", "device.toml", "-o", "out.h5", devices=0)
    assert done.status == 3 and len(done.errors) == 1
    assert 'kernel "cuda": no CUDA device is visible' in done.errors[0]
    assert list(tmp_path.glob("out.h5*")) == []


def test_a_build_without_devices_says_how_to_get_one_that_has_them(knowscale, emulated, tmp_path):
    listed = knowscale("--version", ranks=0).out
    if "not in this build" not in listed:
        pytest.skip("this build has kernels for devices")
    done = knowscale("run", "device.toml", "-o", "out.h5")
    assert done.status == 2 and len(done.errors) == 1
    assert "-DKNOWSCALE_CUDA=ON" in done.errors[0]


REFUSED = {
    "a reduction that merges on the host": ("transport=cuda_aware", 'reduction "packed" merges on the host', 2),
    "overlap": (("transport=cuda_aware", "reduction=two_phase", "overlap=true"), "collectives over device memory block", 2),
    "MPI that does not read devices": (("transport=cuda_aware", "reduction=two_phase"), "does not say that it reads device memory", 3),
    "a build without NCCL": (("transport=nccl", "reduction=two_phase"), "has no NCCL", 3),
    "wide heads": (("d=514", "heads=2"), "d = 514 in 2 heads", 2),
    "f64": ("precision=f64", 'has no f64', 2),
    "an unknown transport": ("transport=pigeon", "transport = 'pigeon'", 2),
    "no rank a device": ("ranks_per_device=0", "ranks_per_device = 0", 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(emulated, name):
    settings, named, status = REFUSED[name]
    options = [option for setting in ([settings] if isinstance(settings, str) else settings) for option in ("--set", setting)]
    done = emulated("run", "device.toml", "-o", "out.h5", *options)
    assert done.status == status
    assert len(done.errors) == 1
    assert named in done.errors[0]


def test_a_shard_that_does_not_fit_the_device_is_estimated_and_refused(emulated):
    done = emulated("run", "device.toml", "-o", "out.h5", "--set", "m=200000", EMULATED_CUDA_MEMORY=str(32 << 20))
    assert done.status == 3 and len(done.errors) == 1
    assert "GiB of device" in done.errors[0] and "use a smaller m" in done.errors[0]


def test_a_lost_device_ends_the_run_and_keeps_finished_cases(emulated, tmp_path):
    """After some cases: how many launches those take is a matter of the machine's pace."""
    for launches in (400, 200, 100, 800, 1600):
        output = f"{launches}.h5"
        done = emulated("run", "device.toml", "-o", output, "--ranks", "1", ranks=1, EMULATED_CUDA_LAUNCHES=str(launches))
        finished = len(list((tmp_path / f"{output}.parts").glob("case*.h5")))
        if done.status != 0 and finished > 0:
            break
    assert done.status == 3 and len(done.errors) == 1
    assert LOST.search(done.errors[0])
    assert finished > 0
    resumed = emulated("run", "device.toml", "-o", output, "--ranks", "1", ranks=1)
    assert resumed.status == 0
    assert f"resuming: {finished} of" in resumed.err


def test_a_device_lost_on_one_rank_ends_all(emulated):
    lost = ("sh", "-c", '[ "$OMPI_COMM_WORLD_RANK" = 1 ] && export EMULATED_CUDA_LAUNCHES=60; exec "$@"', "sh")
    done = emulated("run", "device.toml", "-o", "out.h5", wrapper=lost)
    assert done.status == 3
    assert len(done.errors) == 1 and LOST.search(done.errors[0])


def test_verify_refuses_a_kernel_that_cannot_run(emulated):
    unknown, without = emulated("verify", "--kernel", "cudda", ranks=1), emulated("verify", "--kernel", "cuda", ranks=1, devices=0)
    assert unknown.status == 2 and 'did you mean "cuda"?' in unknown.errors[0]
    assert without.status == 3 and "no CUDA device is visible" in without.errors[0]
