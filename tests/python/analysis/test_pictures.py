# SPDX-License-Identifier: BSD-3-Clause
"""Figures of any number of cases, with any texts, under any settings, and what one that fails costs."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import matplotlib
import numpy as np
import pandas as pd
import pytest

from analysis import plot, plot_bars, plot_exchange, plot_scaling, report
from analysis.__main__ import main

ROOT = Path(__file__).resolve().parents[3]
MOST_PIXELS = 8000


@pytest.fixture
def plain_file(result_file, put_table):
    """Has one figure, `bounds`."""
    put_table(result_file, "cases", lambda old: old.assign(ranks=1, model=b"knowledge"))
    with h5py.File(result_file, "r+") as file:
        del file["symmetry"]
    return result_file


def many(cases: pd.DataFrame, count: int) -> pd.DataFrame:
    """Studies of two ranks and one, as many as make so many cases."""
    pairs = [cases.iloc[:2].assign(study=f"study {number}", n=number, tokens=number) for number in range(1, count // 2 + 1)]
    table = pd.concat(pairs, ignore_index=True)
    return table.assign(case=np.arange(1, len(table) + 1))


def pixels(page: plot.Page) -> float:
    return 150 * max(page.figure.get_size_inches())


def test_pages_are_as_few_and_as_small_whatever_there_is():
    for count in (0, 1, 12, 13, 48, 49, 1000):
        found = plot.pages(list(range(count)), 12, "panels")
        shown = [item for items, _, _ in found for item in items]
        assert len(found) == min(-(-count // 12), plot.MOST_PAGES) and all(len(items) <= 12 for items, _, _ in found)
        assert shown == sorted(set(shown)) and len(shown) == min(count, 48)
        assert all((left_out == "") == (count <= 48) for _, _, left_out in found)
    assert [shown[0], shown[-1]] == [0, 999]


def test_no_number_of_cases_makes_a_picture_too_large(cases):
    table, samples = many(cases, 500), pd.DataFrame({"case": [1], "seconds": [1.0]})
    drawings = {"strong": plot_scaling.strong(table, samples, []), "split": plot_bars.split(table, []), "bounds": plot_bars.bounds(table, ["a machine"] * 99)}
    with plot.own_style():
        for drawing in drawings.values():
            first = next(drawing)
            assert first.left_out and pixels(first) < MOST_PIXELS


def test_no_number_of_series_crowds_a_panel(cases):
    table = pd.concat([cases.iloc[:2].assign(threads=threads) for threads in range(1, 60)])
    parts = plot.panels_of(table, ["study", "m"], ["threads", "kernel"], "model")
    assert len(parts) == 6 and all(part["threads"].nunique() <= plot.MOST_LINES for part in parts)
    assert sum(map(len, parts)) == len(table)


def test_bars_of_cases_that_look_alike_are_told_apart(cases):
    table = pd.concat([cases.iloc[[1]].assign(case=case, n=n, scale=scale) for case, (n, scale) in enumerate([(1, 1.0), (1, 2.0), (2, 1.0)])])
    labels = list(plot_bars.case_labels(table))
    assert len(set(labels)) == 3 and labels[0].endswith("n = 1, scale = 1.0")
    assert "n =" not in plot_bars.case_labels(cases.iloc[:2])[1]


def test_a_contest_of_many_series_shows_those_near_to_the_fastest():
    rows = [{"label": f"series {number}", "state": state, "exchange": 1.0 + (number - 10 * state) % 30} for number in range(30) for state in (1, 2)]
    kept = plot_exchange.foremost(pd.DataFrame(rows))
    assert kept["label"].nunique() == plot.MOST_LINES and {"series 10", "series 20"} <= set(kept["label"])


TEXTS = ["$$", "a $\\frac$ b", "$m$", "a_b^c", "<b>", "%&#{}~", "\\alpha", "研究 👩‍🔬", "n" * 5000, "n" * 4999 + "m", ""]


def test_texts_of_users_are_drawn_as_they_are(result_file, tmp_path, put_table, capsys):
    put_table(result_file, "cases", lambda old: old.assign(study=[TEXTS[7]] * 4 + TEXTS[:4] + TEXTS[8:], knowledge="/data/$$"))
    put_table(result_file, "meta", pd.DataFrame({"launch": [1], "name": ["cpu"], "value": ["$\\frac$ 研究" + "x" * 5000]}))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # of glyphs that the font lacks
        assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / "out" / "strong.png").exists()
    for image in (tmp_path / "out").glob("*.png"):
        width, height = np.frombuffer(image.read_bytes()[16:24], ">u4")
        assert max(width, height) < MOST_PIXELS
    assert max(map(len, (tmp_path / "out" / "report.txt").read_text().splitlines()[5:])) < 600


def test_names_that_are_cut_alike_stay_apart():
    table = plot.drawable_names(pd.DataFrame({"study": ["n" * 99 + "a" + "n" * 99, "n" * 99 + "b" + "n" * 99, "研"], "m": [1, 2, 3]}))
    assert table["study"].nunique() == 3 and table["study"].str.len().max() <= plot.MOST_LETTERS + 4
    assert table["study"][2] == "\\u7814" and list(table["m"]) == [1, 2, 3]


RC = """text.usetex: True
backend: TkAgg
font.family: Nonsense
axes.facecolor: black
savefig.bbox: tight
savefig.dpi: 1200
axes.prop_cycle: cycler("color", ["r"])
"""


def test_settings_of_users_change_no_picture(plain_file, tmp_path):
    (tmp_path / "matplotlibrc").write_text(RC)
    assert main(["report", str(plain_file), "-o", str(tmp_path / "mine")]) == 0
    environment = {**os.environ, "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "MPLBACKEND": "nonsense"}
    line = [sys.executable, "-m", "analysis", "report", str(plain_file), "-o", str(tmp_path / "theirs")]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == ""
    images = sorted(path.name for path in (tmp_path / "mine").glob("*.[ps]*g"))
    assert images and all((tmp_path / "mine" / name).read_bytes() == (tmp_path / "theirs" / name).read_bytes() for name in images)


def test_our_style_is_ours_alone():
    before = dict(matplotlib.rcParams)
    with plot.own_style():
        assert matplotlib.rcParams["text.parse_math"] is False
    assert dict(matplotlib.rcParams) == before


def test_a_figure_that_fails_costs_itself_alone(result_file, tmp_path, capsys, monkeypatch):
    def fail(*_) -> None:
        raise ValueError("image of\n2^17 pixels")
        yield

    monkeypatch.setattr(plot_scaling, "strong", fail)
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 1
    out, err = capsys.readouterr()
    assert err == "analysis: error: no figure strong: ValueError: image of 2^17 pixels: cases.csv has the numbers\n"
    folder = tmp_path / "out"
    assert "no figure strong: ValueError" in (folder / "report.txt").read_text() and "no figure strong" in out
    assert not (folder / "strong.png").exists() and 'src="strong.png"' not in (folder / "index.html").read_text()
    for name in ("efficiency.png", "growth.svg", "bounds.png", "cases.csv"):
        assert (folder / name).stat().st_size > 1000


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_strange_numbers_cost_no_table(result_file, tmp_path, capsys):
    with h5py.File(result_file, "r+") as file:
        for name in ("seconds_median", "exchange", "fraction_of_bound", "scale", "error"):
            file[f"cases/{name}"][::2] = np.nan
            file[f"cases/{name}"][1::3] = -np.inf
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) in (0, 1)
    assert all((tmp_path / "out" / name).stat().st_size > 1000 for name in ("report.txt", "cases.csv", "index.html"))


def test_pages_of_an_earlier_report_go(plain_file, tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("strong-3.png", "bounds-2.svg", "overlap.png", "strong-hold.png", "mine.png"):
        (tmp_path / "out" / name).write_text("old")
    assert main(["report", str(plain_file), "-o", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*-*")) == ["strong-hold.png"]
    assert (tmp_path / "out" / "mine.png").exists() and not (tmp_path / "out" / "overlap.png").exists()


@pytest.mark.parametrize("folder", ["file", "file/below", "n" * 300])
def test_a_folder_that_cannot_be_written_is_one_line_and_status_3(result_file, tmp_path, capsys, folder):
    (tmp_path / "file").write_text("in the way")
    assert main(["report", str(result_file), "-o", str(tmp_path / folder)]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "cannot be written" in err and "-o" in err


def test_a_report_without_cases_is_a_report(result_file, tmp_path, put_table):
    with h5py.File(result_file, "r+") as file:
        for name in ("samples", "symmetry", "attended"):
            del file[name]
        for name in list(file["cases"]):
            del file[f"cases/{name}"]
    assert main(["report", str(result_file), "-o", str(tmp_path / "out")]) == 0
    assert "no finished case" in (tmp_path / "out" / "report.txt").read_text()
    assert set(report.FIGURES) and (tmp_path / "out" / "index.html").exists()
