# SPDX-License-Identifier: BSD-3-Clause
"""A file is somebody else's: each odd one is read, or refused by name before anything is timed."""

import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
from launching import PROGRAM, ROOT, environment

READER = PROGRAM.parent / "tests" / "knowscale_read_files"
ROWS, WIDTH = 20, 4
KEYS = np.random.default_rng(1).standard_normal((ROWS, WIDTH)).astype("f4")
TEXT = h5py.string_dtype()


def knowledge(path, keys=KEYS, **attributes):
    """A knowledge set, open for what makes it odd."""
    file = h5py.File(path, "w", libver=attributes.pop("libver", None))
    defaults = {"format": "knowscale knowledge set", "format_version": 1, "name": "n", "source": "s", "licence": "l"}
    for name, value in {**defaults, "dimension": WIDTH, "count": ROWS, **attributes}.items():
        file.attrs[name] = value
    if keys is not None:
        file["keys"] = keys
    return file


def sequences(file, **datasets):
    defaults = {"vectors": KEYS[:10], "tokens": np.arange(30) % 10, "offsets": [0, 5, 12, 30]}
    for name, values in {**defaults, **datasets}.items():
        file[f"sequences/{name}"] = values


def with_number(number, dtype="f4"):
    keys = KEYS.astype("f8")
    keys[7, 2] = number
    return keys.astype(dtype)


def virtual(file):
    layout = h5py.VirtualLayout(shape=(ROWS, WIDTH), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "keys", shape=(ROWS, WIDTH))
    file.create_virtual_dataset("keys", layout)


# What the attribute or dataset is, and the words of the refusal; "" where it is read.
ATTRIBUTES = {
    "an array": ({"count": np.full(8000, ROWS)}, "attribute count has 8000 values"),
    "an array of texts": ({"format": np.array([b"knowscale knowledge set"] * 5)}, "attribute format has 5 values"),
    "one value in an array": ({"count": np.array([ROWS])}, ""),
    "null": ({"name": h5py.Empty("S4")}, "attribute name has 0 values"),
    "a real": ({"count": float(ROWS)}, "attribute count is of a type that is a floating-point number of 8 bytes"),
    "beyond 64 bits": ({"count": np.uint64(2**64 - 1)}, "attribute count is 18446744073709551615"),
    "a compound": ({"count": np.array((1, 2), dtype=[("a", "i4"), ("b", "i4")])}, "is a compound"),
    "negative": ({"count": -1}, "has -1 vectors"),
    "a later version": ({"format_version": 99}, "format_version 99, and this knowscale reads 1 to 2"),
    "of other bytes": ({"name": np.bytes_(b"caf\xe9")}, ""),
}

def labels(values):
    return lambda file: file.__setitem__("labels", values)


def keys(**options):
    return lambda file: file.create_dataset("keys", **options)


def link(value):
    return lambda file: file.__setitem__("keys", value)


DATASETS = {
    "labels of variable length": (labels(np.array([f"l{i}" for i in range(ROWS)], dtype=TEXT)), ""),
    "labels 2-D": (labels(np.full((ROWS, 500), b"abc")), "/labels has 2 dimensions"),
    "labels scalar": (labels(np.bytes_("x")), "/labels is a scalar"),
    "labels null": (labels(h5py.Empty("S4")), "/labels is empty (null)"),
    "labels numbers": (labels(np.arange(ROWS)), "/labels is of a type that is an integer of 8 bytes"),
    "labels fewer": (labels(np.array([b"a"] * 3)), "/labels is 3 x 1, not 20 x 1"),
    "labels cut": (labels(np.array(["\u65e5\u672c".encode()[:4]] * ROWS)), 'row 0 is no UTF-8 ("\u65e5\\xE6")'),
    "labels group": (lambda f: f.create_group("labels"), "/labels is no dataset"),
    "words 2-D": (lambda f: sequences(f, words=np.full((10, 500), b"abc")), "/sequences/words has 2 dimensions"),
    "words variable": (lambda f: sequences(f, words=np.array([f"w{i}" for i in range(10)], dtype=TEXT)), ""),
    "tokens scalar": (lambda f: sequences(f, tokens=np.int64(3)), "/sequences/tokens is a scalar"),
    "tokens real": (lambda f: sequences(f, tokens=np.full(30, 0.5)), "/sequences/tokens is of a type that is a float"),
    "tokens beyond": (lambda f: sequences(f, tokens=np.full(30, 10)), "token 0 names word 10 of 10"),
    "tokens u64": (lambda f: sequences(f, tokens=np.full(30, 2**64 - 1, dtype="u8")), "18446744073709551615"),
    "offsets scalar": (lambda f: sequences(f, offsets=np.int64(0)), "/sequences/offsets is a scalar"),
    "offsets falling": (lambda f: sequences(f, offsets=[0, 9, 5]), "sequence 1 goes from token 9 to 5"),
    "sequences dataset": (lambda f: f.__setitem__("sequences", KEYS), "/sequences is no group"),
    "values NaN": (lambda f: f.__setitem__("values", with_number(np.nan)), "/values row 7 column 2 is nan"),
    "values narrow": (lambda f: f.__setitem__("values", KEYS[:, :2]), "/values is 20 x 2, not 20 x 4"),
}
KEYS_OF_FILES = {
    "huge": (keys(shape=(2**60, WIDTH), dtype="f4", chunks=(64, WIDTH)), "claims 1152921504606846976 x 4 values"),
    "huge packed": (keys(shape=(2**40, WIDTH), dtype="f4", chunks=(64, WIDTH), compression="gzip"), "claims"),
    "never written": (keys(shape=(ROWS, WIDTH), dtype="f4"), "/keys has 0 of its 320 bytes"),
    "chunks never written": (keys(shape=(ROWS, WIDTH), dtype="f4", chunks=(5, WIDTH)), "/keys has 0 of its 4 chunks"),
    "lzf": (keys(data=KEYS, chunks=(5, WIDTH), compression="lzf"), 'the filter "lzf"'),
    "gzip": (keys(data=KEYS, chunks=(5, WIDTH), compression="gzip", shuffle=True, fletcher32=True), ""),
    "external storage": (keys(shape=(ROWS, WIDTH), dtype="f4", external=[("/etc/hostname", 0, 320)]), "another file"),
    "external link": (link(h5py.ExternalLink("other.h5", "/keys")), "/keys is a link to another file"),
    "link to a link out": (link(h5py.SoftLink("/out")), "leads nowhere or to another file"),
    "loop": (link(h5py.SoftLink("/keys")), "leads nowhere"),
    "group in a circle": (lambda f: f.__setitem__("keys", f["/"]), "/keys is no dataset"),
    "virtual": (virtual, "/keys is a virtual dataset"),
    "compound": (keys(data=np.zeros((ROWS, WIDTH), dtype=[("a", "f4")])), "is a compound"),
    "opaque": (keys(data=np.zeros((ROWS, WIDTH), dtype="V4")), "is opaque"),
    "booleans": (keys(data=KEYS > 0), "is an enumeration"),
    "references": (keys(shape=(ROWS, WIDTH), dtype=h5py.ref_dtype), "is a reference"),
    "lists": (keys(shape=(ROWS, WIDTH), dtype=h5py.vlen_dtype("f4")), "is a list of variable length"),
    "big-endian": (keys(data=KEYS.astype(">f8")), ""),
    "f16": (keys(data=KEYS.astype("f2")), ""),
    "long double": (keys(data=KEYS.astype("longdouble")), ""),
    "bytes": (keys(data=(KEYS * 9).astype("i1")), ""),
    "3-D": (keys(data=np.zeros((ROWS, WIDTH, 2))), "/keys has 3 dimensions"),
    "beyond f16": (keys(data=with_number(70000)), "/keys row 7 column 2 is 70000, beyond f16"),
    "f64 beyond f32": (keys(data=with_number(1e300, "f8")), "/keys row 7 column 2 is 1e+300, beyond f16"),
    "infinite": (keys(data=with_number(np.inf)), "/keys row 7 column 2 is inf: remove"),
}


def unclosed(path):
    script = f"""
import h5py, os
file = h5py.File({str(path)!r}, "w", libver="latest")
file["keys"] = [1.0]
file.flush()
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script], check=True, env=environment(HDF5_USE_FILE_LOCKING="FALSE"))


def ann_benchmarks(path):
    with h5py.File(path, "w") as file:
        file["train"] = KEYS


FOREIGN = {
    "ann": (ann_benchmarks, "ann-benchmarks (it has /train)"),
    "unclosed": (unclosed, "was not closed by its writer"),
    "npy": (lambda path: path.write_bytes(b"\x93NUMPY\x01\x00" + bytes(100)), "is a NumPy array"),
    "text": (lambda path: path.write_text("king 0.1 0.2\nqueen 0.2 0.1\n"), "is a text (such as word2vec's"),
    "word2vec": (lambda path: path.write_bytes(b"3 2\n\x00\xff\x10"), "is a text (such as word2vec's"),
    "fvecs": (lambda path: path.write_bytes((b"\2\0\0\0" + bytes(8)) * 3), "is a list of vectors"),
    "gzip": (lambda path: path.write_bytes(b"\x1f\x8b\x08" + bytes(20)), "is packed by gzip"),
    "nothing": (lambda path: path.write_bytes(b""), "is empty"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "pipe": (os.mkfifo, "is no regular file"),
}


def result(path, **changed):
    columns = {"case": [1, 2], "study": np.array([b"s", b"s"]), **changed}
    with h5py.File(path, "w") as file:
        file.attrs.update({"schema_version": 7, "config_hash": "abc", "campaign": "test", "knowscale_version": "0"})
        group = file.create_group("cases")
        group.attrs["columns"] = " ".join(name for name in columns if name != "twice")
        if "twice" in columns:
            group.attrs["columns"] += " case"
        for name, values in columns.items():
            group[name] = values
            group[name].attrs.update({"units": "1", "long_name": "l"})
    return path


RESULTS = {
    "another column": ({}, "has no column"),
    "2-D texts": ({"study": np.full((2, 500), b"abc")}, "/cases/study has 2 dimensions"),
    "scalar": ({"study": np.bytes_("x")}, "/cases/study is a scalar"),
    "compound": ({"case": np.zeros(2, dtype=[("a", "i4")])}, "is a compound"),
    "of another type": ({"case": np.array([b"1", b"2"])}, "has"),
    "of another length": ({"study": np.array([b"s"] * 3)}, "has another number of rows"),
    "twice": ({"twice": [1, 2]}, "lists the column case twice"),
}


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """What the readers of the program say of a file, one process for all."""
    process = subprocess.Popen([READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())

    def outcome(path):
        process.stdin.write(os.fsencode(path) + b"\n")
        process.stdin.flush()
        return process.stdout.readline().decode()

    yield outcome
    process.stdin.close()
    assert process.wait(30) == 0


def expect(said, wanted):
    if wanted:
        assert said.startswith("refused: ") and wanted in said
    else:
        assert said == "read\n"


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_odd_attribute_is_read_or_refused_by_name(read, tmp_path, name):
    changed, wanted = ATTRIBUTES[name]
    knowledge(tmp_path / "odd.h5", **changed).close()
    expect(read(tmp_path / "odd.h5"), wanted)


@pytest.mark.parametrize("name", [*DATASETS, *KEYS_OF_FILES])
def test_an_odd_dataset_is_read_or_refused_by_name(read, tmp_path, name):
    add, wanted = {**DATASETS, **KEYS_OF_FILES}[name]
    with knowledge(tmp_path / "odd.h5", keys=KEYS if name in DATASETS else None) as file:
        add(file)
        file["out"] = h5py.ExternalLink("other.h5", "/keys")
    with knowledge(tmp_path / "other.h5"):
        pass  # which links out of odd.h5 would find
    expect(read(tmp_path / "odd.h5"), wanted)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_kind_is_refused_with_the_remedy(read, tmp_path, name):
    make, wanted = FOREIGN[name]
    make(tmp_path / "foreign")
    expect(read(tmp_path / "foreign"), wanted)


@pytest.mark.parametrize("name", RESULTS)
def test_an_odd_result_is_refused_by_name(read, tmp_path, name):
    changed, wanted = RESULTS[name]
    expect(read(result(tmp_path / "odd.h5", **changed)), wanted)


def test_files_changed_at_random_are_read_or_refused():
    command = [sys.executable, ROOT / "tests" / "fuzz" / "fuzz_files.py", READER, "--count", "100", "--seed", "7"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_recipe_for_own_vectors_makes_a_knowledge_set(read, tmp_path):
    np.save(tmp_path / "vectors.npy", KEYS)
    recipe = re.search(r"```python\n(.*?)```", (ROOT / "data" / "README.md").read_text(), re.DOTALL)[1]
    subprocess.run([sys.executable, "-c", recipe], cwd=tmp_path, check=True)
    expect(read(tmp_path / "mine.h5"), "")


def run(knowscale, path, *more, ranks=2, **extra):
    (path.parent / "odd.toml").write_text(
        '[timing]\nmin_repetitions = 3\nmax_seconds = 0.05\n[[study]]\nname = "s"\nmodel = "knowledge"\n'
        f'n = 8\nm = "all"\nknowledge = "{path}"\nranks = {ranks}\n'
    )
    return knowscale("run", "odd.toml", "-o", "out.h5", *more, ranks=ranks, **extra)


# Before: both ranks ended in std::terminate, after the measurement, or one waited for the other.
@pytest.mark.parametrize(
    ("add", "more", "wanted"),
    [
        (labels(np.bytes_("x")), [], "/labels is a scalar"),
        (labels(np.array([b"caf\xe9"] * ROWS)), ["--top-k", "2"], 'row 0 is no UTF-8 ("caf\\xE9")'),
        (lambda f: f["keys"].write_direct(with_number(70000)), ["--set", "precision=f16"], "is 70000, beyond f16"),
    ],
)
def test_a_refused_file_ends_all_ranks_before_anything_is_measured(knowscale, tmp_path, add, more, wanted):
    with knowledge(tmp_path / "odd.h5") as file:
        add(file)
    done = run(knowscale, tmp_path / "odd.h5", *more)
    assert done.status == 3
    assert len(done.errors) == 1
    assert wanted in done.errors[0]
    assert "ceilings" not in done.err
    assert list(tmp_path.glob("out.h5*")) == []


def test_bytes_that_are_no_utf8_stay_readable_in_the_result(knowscale, tmp_path):
    with knowledge(tmp_path / "odd.h5") as file:
        labels(np.array([f"l\t{i}" for i in range(ROWS)], dtype=TEXT))(file)
    job = os.fsdecode(b"caf\xe9")
    done = run(knowscale, tmp_path / "odd.h5", "--top-k", "2", ranks=1, SLURM_JOB_NAME=job)
    assert done.status == 0, done.err
    assert "\x1b" not in done.out + done.err  # of the study's name
    with h5py.File(tmp_path / "out.h5") as file:
        names, values = file["meta/name"].asstr()[:], file["meta/value"].asstr()[:]
        assert values[names == "SLURM_JOB_NAME"] == ["caf\\xE9"]
        assert set(re.sub(r"\d+", "", label) for label in file["attended/label"].asstr()[:]) == {"l\t"}
