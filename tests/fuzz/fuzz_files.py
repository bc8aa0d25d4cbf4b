# SPDX-License-Identifier: BSD-3-Clause
"""Fuzzes what the program reads of somebody else's HDF5 files: valid knowledge sets and results, changed by h5py
(types, shapes, attributes, links, filters, values) and, with --bytes, in their raw bytes too.

    python3 fuzz_files.py build/sanitize/tests/knowscale_read_files --count 100000 [--bytes] [--keep FOLDER]

Raw bytes find faults of HDF5 itself, which reads its own structures unguarded. A crash counts as one of HDF5 where no
function of ours stands above libhdf5 in the sanitizer's report; with --bytes these are counted, and are no failure.
"""

import argparse
import os
import random
import re
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import h5py
import numpy as np

ROWS, WIDTH = 12, 4
TEXT = h5py.string_dtype()
SECONDS = 20  # for one file; more is a hang


def column(values):
    return lambda group, name: group.create_dataset(name, data=values)


def keys(random_numbers):
    return random_numbers.standard_normal((ROWS, WIDTH)).astype("<f4")


class Knowledge:
    """A valid knowledge set: attributes and datasets, each of which a change may replace."""

    def __init__(self, numbers):
        self.attributes = {
            "format": np.bytes_("knowscale knowledge set"),
            "format_version": 1,
            "name": "name",
            "source": np.bytes_("source"),
            "licence": np.bytes_("licence"),
            "dimension": WIDTH,
            "count": ROWS,
        }
        self.datasets = {
            "keys": column(keys(numbers)),
            "values": column(keys(numbers).astype("<f8")),
            "labels": column(np.array([f"l{i}".encode() for i in range(ROWS)])),
            "sequences/vectors": column(keys(numbers)),
            "sequences/words": column(np.array([f"w{i}" for i in range(ROWS)], dtype=TEXT)),
            "sequences/tokens": column(np.arange(30) % ROWS),
            "sequences/offsets": column(np.array([0, 5, 12, 30])),
        }


class Result:
    """What a result file holds for `info` and for resuming."""

    TEXTS = (
        "study knowledge model kernel reduction placement overlap transport precision scaling stopped_by bound reason"
    ).split()
    REALS = (
        "scale seconds_median seconds_low seconds_high compute copy exchange flops fraction_of_bound error error_bound"
    ).split()
    INTEGERS = (
        "case n m d heads kv_heads hidden batch ranks threads query_block key_block query_tile chunk node_size valid"
    ).split()

    def __init__(self, numbers):
        self.attributes = {
            "schema_version": 5,
            "knowscale_version": np.bytes_("0.1.0"),
            "campaign": np.bytes_("test"),
            "config_hash": np.bytes_("abc"),
        }
        self.datasets = {f"cases/{name}": column(np.array([b"-", b"text"])) for name in self.TEXTS}
        self.datasets |= {f"cases/{name}": column(numbers.random(2)) for name in self.REALS}
        self.datasets |= {f"cases/{name}": column(np.array([1, 2])) for name in self.INTEGERS}
        self.datasets |= {"meta/name": column(np.array([b"host"])), "meta/launch": column(np.array([1]))}
        self.datasets["io/1/queries"] = column(numbers.random((2, 3)))


ODD_VALUES = [
    lambda r: np.full(r.choice([0, 1, 2, 5, 2000]), ROWS),
    lambda r: np.array([b"knowscale knowledge set"] * r.choice([1, 3, 500])),
    lambda r: np.array(["text"] * r.choice([1, 3]), dtype=TEXT),
    lambda r: h5py.Empty(r.choice(["i8", "S4", "f4"])),
    lambda r: r.choice([-1, 0, 1, 2, 99, 2**31, 2**62, 2**63 - 1, -(2**63)]),
    lambda r: np.uint64(r.choice([ROWS, 2**63, 2**64 - 1])),
    lambda r: r.choice([float(ROWS), np.nan, 1e300]),
    lambda r: np.longdouble(3),
    lambda r: r.choice(["", "text", "x" * 60000, "caf\u00e9"]),
    lambda r: np.bytes_(r.choice([b"", b"caf\xe9", b"a\nb\x1b[31m", b"12"])),
    lambda r: np.array((1, 2.0), dtype=[("a", "i4"), ("b", "f4")]),
    lambda r: np.bool_(True),
    lambda r: np.void(b"opaque"),
    lambda r: np.array(1 + 2j),
    lambda r: np.array([[1, 2], [3, 4]]),
]

TYPES = "f2 >f4 >f8 f8 longdouble i1 u1 >i2 i4 u4 i8 >i8 u8 c8 bool S1 S7 V5".split()
SHAPES = [(), (0,), (1,), (ROWS,), (ROWS + 1,), (30,), (4,)]
SHAPES += [(ROWS, WIDTH), (ROWS, 0), (0, WIDTH), (WIDTH, ROWS), (ROWS, WIDTH, 2)]
HUGE = [(2**60,), (2**60, WIDTH), (ROWS, 2**60), (2**40, WIDTH), (2**31, 2**31), (2**20, WIDTH), (2**24,)]


def odd_data(r):
    values = np.arange(np.prod(shape := r.choice(SHAPES)), dtype="f8").reshape(shape) % ROWS
    kind = r.choice([*TYPES, "text", "list", "compound", "array", "enum"])
    if kind == "text":
        return lambda g, n: g.create_dataset(n, data=np.full(shape, "text", dtype=object), dtype=TEXT)
    if kind == "list":
        return lambda g, n: g.create_dataset(n, shape, dtype=h5py.vlen_dtype("i4"))
    if kind == "compound":
        return lambda g, n: g.create_dataset(n, shape, dtype=[("a", "f4"), ("b", "S3")])
    if kind == "array":
        return lambda g, n: g.create_dataset(n, shape, dtype=np.dtype(("f4", (WIDTH,))))
    if kind == "enum":
        return lambda g, n: g.create_dataset(n, shape, dtype=h5py.enum_dtype({"A": 0, "B": 1}, basetype="i4"))
    return column(np.zeros(shape, kind) if kind[0] in "SV" else values.astype(kind))


def odd_storage(r):
    """A dataset that is huge, unwritten, packed or elsewhere."""
    shape = r.choice([*HUGE, (ROWS, WIDTH), (ROWS,), (30,)])
    dtype = r.choice(["f4", "i8", "S8", TEXT])
    small = np.prod(shape, dtype=float) < 1e6
    chunks = tuple(min(extent, r.choice([1, 5, 64])) for extent in shape)
    filters = [{}, {"compression": "gzip"}, {"compression": "lzf"}, {"fletcher32": True}, {"shuffle": True}]
    packing = {"chunks": chunks, **r.choice(filters)}
    kind = r.choice(["plain", "chunked", "part", "filled", "external"])

    def make(group, name):
        options = {} if kind in ("plain", "external") else packing
        if kind == "external" and dtype != TEXT:
            options = {"external": [("outside.bin", 0, h5py.h5f.UNLIMITED)]}
        fill = 1 if kind == "filled" and dtype in ("f4", "i8") else None
        data = group.create_dataset(name, shape, dtype=dtype, fillvalue=fill, **options)
        if kind == "part" and small and dtype != TEXT:
            data[tuple(slice(0, 1) for _ in shape)] = np.zeros((1,) * len(shape), dtype)
        if kind == "chunked" and small and dtype == "f4":
            data[...] = 1

    return make


def odd_texts(r):
    texts = r.choice([["caf\udce9"], ["\udcff\udcfe"], ["x" * 5000], ["a\tb\x1b[2J"], [""], ["\u65e5\u672c"]])
    encoded = [t.encode("utf-8", "surrogateescape") for t in texts * ROWS]
    if r.random() < 0.5:
        return column(np.array(encoded, dtype=f"S{r.choice([1, 2, 7, 6000])}"))
    return lambda g, n: g.create_dataset(n, data=np.array(encoded, dtype=object), dtype=h5py.string_dtype("utf-8"))


def odd_numbers(r):
    number = r.choice([np.nan, np.inf, 70000.0, 3.4e38, 1e300, -1.0, 2.0**63, 1e-45])
    values = np.ones(r.choice([(ROWS, WIDTH), (30,), (4,), (2,)]))
    if r.random() < 0.3:
        number, values = r.choice([-1, ROWS, 2**31, 2**63 - 1, -(2**63)]), values.astype("i8")
    values.flat[r.randrange(values.size)] = number
    with np.errstate(over="ignore"):
        return column(values.astype(r.choice(["f4", "f8"])) if values.dtype.kind == "f" else values)


def odd_link(r):
    targets = ["/keys", "/nowhere", "/", "/loop", "/sequences", "/cases", "/outside", "/sequences/tokens"]
    outside = h5py.ExternalLink(r.choice(["other.h5", "/etc/passwd"]), "/x")
    link = r.choice([h5py.SoftLink(r.choice(targets)), outside, "hard", "group", "type"])

    def make(group, name):
        if link == "hard":
            group[name] = group.file["/"]
        elif link == "group":
            group.create_group(name)
        elif link == "type":
            group[name] = np.dtype("f4")
        else:
            group[name] = link

    return make


def odd_virtual(r):
    layout = h5py.VirtualLayout(shape=(ROWS, WIDTH), dtype="f4", maxshape=(None, WIDTH) if r.random() < 0.5 else None)
    layout[:] = h5py.VirtualSource(r.choice(["other.h5", "."]), "keys", shape=(ROWS, WIDTH))
    return lambda g, n: g.create_virtual_dataset(n, layout)


def change(r, content):
    kind = r.random()
    if kind < 0.3:
        name = r.choice(list(content.attributes))
        if r.random() < 0.1:
            del content.attributes[name]
        else:
            content.attributes[name] = r.choice(ODD_VALUES)(r)
        return
    name = r.choice(list(content.datasets))
    if kind < 0.35:
        del content.datasets[name]
    elif kind < 0.4 and "/" in name:  # a link or dataset where a group belongs
        group = name.split("/")[0]
        content.datasets = {k: v for k, v in content.datasets.items() if not k.startswith(group + "/")}
        content.datasets[group] = r.choice([odd_link, odd_data])(r)
    else:
        odd = [odd_data, odd_data, odd_storage, odd_texts, odd_numbers, odd_link, odd_virtual]
        content.datasets[name] = r.choice(odd)(r)


def write(path, r, changes):
    numbers = np.random.default_rng(r.randrange(2**32))
    content = r.choice([Knowledge, Knowledge, Result])(numbers)
    for _ in range(changes):
        if content.attributes and content.datasets:
            change(r, content)
    with h5py.File(path, "w", libver=r.choice(["earliest", "latest"]), userblock_size=r.choice([0, 0, 512])) as file:
        for name, value in content.attributes.items():
            try:
                file.attrs[name] = value
            except (ValueError, TypeError, RuntimeError, OSError):
                pass  # what this h5py cannot write
        for name, make in content.datasets.items():
            try:
                make(file, name)
            except (ValueError, TypeError, RuntimeError, OSError, OverflowError, KeyError):
                pass
        file["loop"] = h5py.SoftLink("/loop")
        file["outside"] = h5py.ExternalLink("other.h5", "/keys")
        if isinstance(content, Result):
            finish_tables(file, r)


def finish_tables(file, r):
    for name in ("cases", "meta"):
        if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file[name], h5py.Group):
            continue
        group = file[name]
        columns = [c for c in group if group.get(c, getlink=True).__class__ is h5py.HardLink]
        for c in columns:
            if isinstance(group[c], h5py.Dataset):
                group[c].attrs["units"] = group[c].attrs["long_name"] = np.bytes_("1")
        if r.random() < 0.1:
            columns.append(r.choice(["", "case", "/io", "../meta", "nowhere", "a/b"]))
        group.attrs["columns"] = np.bytes_(" ".join(columns))


def damage(path, r):
    """Changes raw bytes; sizes, addresses and types lie in the first of them."""
    content = bytearray(path.read_bytes())
    for _ in range(r.randint(1, 8)):
        at = r.randrange(min(len(content), r.choice([512, 4096, len(content)])))
        if r.random() < 0.5:
            content[at] ^= 1 << r.randrange(8)
        else:
            size = r.choice([1, 2, 4, 8])
            value = r.choice([0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), r.randrange(2 ** (8 * size))])
            content[at : at + size] = value.to_bytes(size, "little")
    if r.random() < 0.05:
        del content[r.randrange(len(content)) :]
    path.write_bytes(content)


class Reader:
    """The program that reads, started again after each crash."""

    def __init__(self, command):
        self.command, self.process = command, None

    def start(self):
        self.errors = tempfile.TemporaryFile("w+", errors="replace")
        extra = {
            "ASAN_OPTIONS": "detect_leaks=0:handle_abort=1:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        }
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env={**os.environ, **extra}
        )

    def read(self, path):
        if self.process is None:
            self.start()
        self.process.stdin.write(os.fsencode(path) + b"\n")
        self.process.stdin.flush()
        answered, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        line = self.process.stdout.readline().decode("utf-8", "replace").strip() if answered else ""
        if line:
            return line
        if answered:
            self.process.wait()
        else:
            self.process.send_signal(6)  # whose handler prints where it stands
            try:
                self.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.errors.seek(0)
        report, self.process = self.errors.read(), None
        return ("crash" if answered else "hang") + of_hdf5(report) + "\n" + report[-6000:]

    def stop(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


FRAME = re.compile(r"^\s*#\d+ 0x[0-9a-f]+ (?:in )?(.*)$", re.MULTILINE)


def of_hdf5(report):
    """" in libhdf5" where the first frame of ours or of HDF5 is HDF5's, as is who asked for the memory; else nothing."""
    stacks = [FRAME.findall(part) for part in re.split(r"\n\s*\n", report)]
    owners = [next((f for f in stack if "libhdf5" in f or "knowscale" in f), "") for stack in stacks if stack]
    return " in libhdf5" if owners and all("libhdf5" in owner for owner in owners) else ""


def fuzz(options, end):
    r, reader, outcomes = random.Random(options.seed), Reader([options.program]), Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.h5"
        for number in range(options.count):
            if time.monotonic() > end:
                break
            for old in Path(folder).glob("*.parts/*"):
                old.unlink()
            write(path, r, r.choice([0, 0, 1]) if options.bytes else r.choice([0, 1, 1, 2, 3]))
            if options.bytes:
                damage(path, r)
            outcome = reader.read(path)
            kind = outcome.split("\n")[0].split(":")[0]
            outcomes[kind] += 1
            if kind in ("read", "refused") or outcomes[kind] > 20:
                continue
            print(f"file {number} of seed {options.seed}: {outcome}", file=sys.stderr)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{options.seed}-{number}.h5").write_bytes(path.read_bytes())
        reader.stop()
    return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop then, whatever --count says")
    parser.add_argument("--bytes", action="store_true", help="change raw bytes too")
    parser.add_argument("--keep", type=Path, help="folder for files with findings")
    options = parser.parse_args()
    begin = time.monotonic()
    outcomes = fuzz(options, begin + options.seconds)
    print(f"{outcomes.total()} files, seed {options.seed}, {time.monotonic() - begin:.0f} s:", dict(outcomes))
    allowed = {"read", "refused"} | ({"crash in libhdf5", "hang in libhdf5"} if options.bytes else set())
    return 0 if set(outcomes) <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
