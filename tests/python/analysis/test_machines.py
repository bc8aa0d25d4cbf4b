# SPDX-License-Identifier: BSD-3-Clause
"""Launches on several machines: all are named, and none is compared with another."""

import pandas as pd
import pytest

from analysis import load, machines, reductions, scaling
from analysis.__main__ import main


def meta_of(hosts: dict[int, str], **more: str) -> pd.DataFrame:
    said = [(launch, name, value) for launch, host in hosts.items() for name, value in {"host": host, "cpu": "Some CPU", "cores": "8", **more}.items()]
    return pd.DataFrame(said, columns=["launch", "name", "value"])


def ranks_of(hosts: dict[int, list[str]]) -> pd.DataFrame:
    rows = [{"case": launch, "launch": launch, "host": host, "device": "-"} for launch, mine in hosts.items() for host in mine]
    return pd.DataFrame(rows, columns=["case", "launch", "host", "device"])


def test_one_machine_has_no_name():
    assert machines.names(meta_of({1: "a", 2: "a"}), ranks_of({1: ["a"], 2: ["a", "a"]})) == {}
    assert machines.names(None, None) == {}


def test_launches_on_some_of_the_hosts_ran_on_the_machine():
    found = machines.find(meta_of({1: "a", 2: "a", 3: "b"}), ranks_of({1: ["a"], 2: ["a", "b"], 3: ["b"]}))
    assert [(sorted(m.hosts), sorted(m.launches)) for m in found] == [(["a", "b"], [1, 2, 3])]


def test_hosts_that_differ_are_machines_that_differ():
    names = machines.names(meta_of({1: "a", 2: "a", 3: "c"}), ranks_of({1: ["a", "b"], 2: ["a", "c"], 3: ["c"]}))
    assert names == {1: "a, b", 2: "a, c", 3: "a, c"}


def test_one_host_name_with_other_processors_is_another_machine():
    meta = pd.concat([meta_of({1: "localhost"}), meta_of({2: "localhost"}, cpu="Other CPU")])
    assert machines.names(meta, None) == {1: "localhost (1)", 2: "localhost (2)"}
    assert [line.split(";")[0] for line in machines.lines(meta, None)] == ["Some CPU, 8 cores, host localhost (1)", "Other CPU, 8 cores, host localhost (2)"]


def test_many_hosts_are_counted():
    hosts = [f"n{i}" for i in range(9)]
    assert machines.find(None, ranks_of({1: hosts}))[0].name == "n0, n1, n2 and 6 more"


def test_another_version_on_the_same_machine_has_a_line_of_its_own():
    meta = pd.concat([meta_of({1: "a", 2: "a"}, mpi="one", start="Monday"), meta_of({3: "a"}, mpi="two")])
    lines = machines.lines(meta, None)
    assert len(lines) == 2 and "one; unknown; unknown; knowscale unknown; Monday, 2 launches" in lines[0] and "; two;" in lines[1]


@pytest.fixture
def two_machines(result_file, put_table):
    """The two-rank cases of strong and weak scaling, and the LSTM, were measured on another host."""

    def launch(cases: pd.DataFrame) -> pd.Series:
        return 1 + ((cases["ranks"] == 2) | (cases["model"] == b"lstm")).astype(int)

    put_table(result_file, "cases", lambda old: old.assign(launch=launch(old)))
    put_table(result_file, "meta", meta_of({1: "one", 2: "two", 3: "of no case"}))
    return result_file


def test_nothing_is_divided_across_machines(two_machines, result_file):
    cases = load.load(two_machines).cases
    assert set(cases["machine"]) == {"one", "two"}
    assert set(scaling.strong_scaling(cases)["ranks"]) == set(scaling.weak_scaling(cases)["ranks"]) == {1}
    assert scaling.growth(cases).empty and not scaling.growth(cases.assign(machine="")).empty


def test_the_report_names_all_machines_and_what_it_leaves_out(two_machines, tmp_path):
    assert main(["report", str(two_machines), "-o", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "report.txt").read_text()
    assert "host one" in text and "host two" in text and "of no case" not in text
    assert "measured on 2 machines: no time is divided" in text
    assert "speed-ups: cases 2, 4 left out" in text and "weak scaling: case 6 left out" in text
    assert "growth of attention and the LSTM: cases 7, 8, 9, 10 left out" in text
    assert not (tmp_path / "out" / "strong.png").exists() and not (tmp_path / "out" / "growth.png").exists()
    assert "strong on two: knowledge" in (tmp_path / "out" / "bounds.svg").read_text()


def test_a_base_of_the_same_machine_is_taken_though_another_was_faster(two_machines, put_table):
    put_table(two_machines, "cases", lambda old: old.assign(launch=[2, 2, 1, 2, *old["launch"][4:]]))
    table = scaling.strong_scaling(load.load(two_machines).cases).set_index("case")
    assert table.loc[2, "base_seconds"] == 1.0 and table.loc[3, "base_seconds"] == 0.8


def test_reductions_of_two_machines_are_no_contest(cases):
    rows = [{"reduction": reduction, "n": n, "tokens": n, "machine": machine, "overlap": overlap} for reduction, machine, overlap in (("packed", "one", "no"), ("tree", "two", "no"), ("packed", "two", "yes")) for n in (1, 4, 16)]  # fmt: skip
    table = pd.concat([cases.iloc[[1]].assign(**row) for row in rows], ignore_index=True)
    table = table.assign(case=range(1, len(rows) + 1), reduction_asked=table["reduction"])
    samples = pd.DataFrame([{"case": case, "exchange": 1e-3} for case in table["case"] for _ in range(7)])
    assert len(reductions.contests(reductions.exchange(table, samples))) == 2
    assert reductions.overlap(table).empty and len(reductions.overlap(table.assign(machine=""))) == 3
