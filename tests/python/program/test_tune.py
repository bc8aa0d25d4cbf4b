# SPDX-License-Identifier: BSD-3-Clause
"""`knowscale tune` and the file that it leaves for runs."""

import re
import tomllib

import h5py


def tuning_of(path):
    with h5py.File(path) as file:
        meta = dict(zip(file["meta/name"].asstr()[:], file["meta/value"].asstr()[:]))
    return meta["tuning"]


def assert_nothing_is_taken_that_is_not_surely_faster(text, said):
    """text: of the file; said: the lines of stdout, a way each."""
    for way, line in zip(text.split("[[way]]")[1:], said):
        tried = re.findall(r"^#   (\S+) \[(\S+), (\S+)\]  (.*)$", way, re.M)
        lows = {what: float(low) for _, low, _, what in tried}
        taken = line.split(" x  ")[1]
        assert len(lows) >= 5 and tried[0][:3] == ("1.000", "1.000", "1.000")
        assert taken == tried[0][3] or lows[taken] > 1, "twice: what is taken is said as it was measured the second time"


def test_a_run_takes_what_was_measured_and_says_so(knowscale, campaign, tmp_path):
    done = knowscale("tune", "--seconds", "1", "-o", "tuned.toml")
    assert done.status == 0
    assert done.out.splitlines()[-1].startswith("knowscale: TUNED processor=")
    assert done.out.splitlines()[-1].endswith("file=tuned.toml")
    assert "left" in done.err
    tuned = tomllib.loads((tmp_path / "tuned.toml").read_text())
    classes = [(p, 5) for p in ("f32", "f64", "bf16", "f16")] + [("int8", 2), ("fp8", 2)]  # more than 4 rows are copied
    assert [way["precision"] for way in tuned["way"]] == [p for p, count in classes for _ in range(count)]
    assert all(0 < way["reached"] < 1.5 for way in tuned["way"])
    assert_nothing_is_taken_that_is_not_surely_faster((tmp_path / "tuned.toml").read_text(), done.out.splitlines()[1:-1])
    assert knowscale("run", campaign(), "-o", "out.h5", KNOWSCALE_TUNING="tuned.toml").status == 0
    assert tuning_of(tmp_path / "out.h5").startswith("ways of tuned.toml on 2 of 2 ranks")
    assert knowscale("run", campaign(), "-o", "none.h5", KNOWSCALE_TUNING="none").status == 0
    assert tuning_of(tmp_path / "none.h5") == "ways as the hardware says"


def test_a_file_of_another_machine_is_not_taken(knowscale, campaign, tmp_path):
    (tmp_path / "other.toml").write_text('processor = "another"\nbuild = "another"\n')
    done = knowscale("run", campaign(), "-o", "out.h5", KNOWSCALE_TUNING="other.toml")
    assert done.status == 0 and "kernel simd: ways of other.toml on 0 of 2 ranks" in done.err
    assert tuning_of(tmp_path / "out.h5").startswith("ways of other.toml on 0 of 2 ranks")


def test_a_file_with_mistakes_or_none_ends_a_run_in_one_line(knowscale, campaign, tmp_path):
    (tmp_path / "bad.toml").write_text('processor = "x"\nbuild = "y"\n[[way]]\nprecision = "f9"\n')
    bad = knowscale("run", campaign(), "-o", "out.h5", KNOWSCALE_TUNING="bad.toml")
    assert bad.status == 2 and len(bad.errors) == 1 and "bad.toml:4: precision = 'f9'" in bad.errors[0]
    missing = knowscale("run", campaign(), "-o", "out.h5", KNOWSCALE_TUNING="missing.toml")
    assert missing.status == 2 and len(missing.errors) == 1 and "make it with knowscale tune -o" in missing.errors[0]
    empty = knowscale("run", campaign(), "-o", "out.h5", KNOWSCALE_TUNING="")
    assert empty.status == 2 and len(empty.errors) == 1 and "the variable is empty" in empty.errors[0]
    nowhere = knowscale("tune", "--seconds", "1", "-o", "/proc/none/t.toml")
    assert nowhere.status == 3 and len(nowhere.errors) == 1 and "give another one with -o" in nowhere.errors[0]
