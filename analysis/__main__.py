# SPDX-License-Identifier: BSD-3-Clause
"""python3 -m analysis report FILE.h5 -o DIR; ... check FILE.h5; ... attended FILE.h5"""

import argparse
import os
import sys
from pathlib import Path

from . import attended, check, load, scaling
from .printable import printable

VALID, INVALID, USAGE, RESOURCE = 0, 1, 2, 3


def positive(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word}: give a number from 1")
    return int(word)


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m analysis",
        description="Reads a knowscale result file.",
        epilog="Exit status: 0 done (check: all right); 1 check found an error or what it cannot tell, or report could not draw "
        "a figure (all else is there); 2 usage; 3 the file cannot be read, or the report not be written.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("report", help="figures (PNG, SVG), report.txt, cases.csv and index.html")
    one.add_argument("file", type=Path, help="result file")
    one.add_argument("-o", "--output", type=Path, help="folder to fill (default: the file's name without .h5)")
    two = commands.add_parser("check", help="recompute every kept attention output in numpy f64")
    two.add_argument("file", type=Path, help="result file of: knowscale run --keep-io")
    three = commands.add_parser("attended", help="what the tokens of the first sentences attend to")
    three.add_argument("file", type=Path, help="result file of: knowscale run --top-k 5")
    three.add_argument("--case", type=int, help="number of the case (default: the first that has them)")
    three.add_argument("--sentences", type=positive, default=3, help="how many sentences (default: 3)")
    three.add_argument("--top", type=positive, default=3, help="how many vectors per token (default: 3)")
    return parser.parse_args(words)


def say(text: str) -> None:
    """A line, or several, on stdout. Who reads no more of them is not told, and the status stays that of what was found."""
    try:
        print(text, flush=True)
    except OSError as error:
        # What stays in the buffer would fail again at the end, with a status of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise


def complain(text: object) -> None:
    print(f"analysis: error: {printable(str(text))}", file=sys.stderr)


def run_report(arguments: argparse.Namespace) -> int:
    from . import report  # and with it matplotlib, which the other commands do without

    result = load.load(arguments.file)
    folder = arguments.output or arguments.file.with_suffix("")
    try:
        written = report.write_report(result, folder)
    except OSError as error:
        raise OSError(f"{folder}: cannot be written ({error.strerror or error}): choose another folder with -o") from error
    say(written.text.rstrip("\n"))
    say(f"analysis report: {printable(str(folder / 'index.html'))}")
    for line in written.failures:
        complain(line)
    return INVALID if written.failures else VALID


def run_check(arguments: argparse.Namespace) -> int:
    kept = load.load_kept(arguments.file)
    if not kept:
        complain(f"{arguments.file}: keeps no inputs and outputs: run with --keep-io")
        return USAGE
    cases = load.load(arguments.file).cases
    checks = check.check_all(cases, kept)
    for one in checks:
        say(f"case {one.case:>4}  {one.label:<50}  error {one.error:.2e}  bound {one.bound:.2e}  {one.verdict}")
    for _, case in check.left_out(cases, kept).iterrows():
        say(f"case {case['case']:>4}  {case['model']:<50}  left out: no formula of attention")
    failed, untold = [one for one in checks if one.failed], [one for one in checks if one.untold]
    if failed or untold or not checks:
        reason = f"case {failed[0].case}" if failed else f"case {untold[0].case} cannot be told" if untold else "no kept attention case"
        say(f'analysis check: INVALID cases={len(checks)} failed={len(failed)} untold={len(untold)} reason="{reason}"')
        return INVALID
    say(f"analysis check: VALID cases={len(checks)}")
    return VALID


def run_attended(arguments: argparse.Namespace) -> int:
    result = load.load(arguments.file)
    rows = result.attended
    known = sorted(rows["case"].unique()) if len(rows) else []
    number = arguments.case if arguments.case is not None else (known[0] if known else None)
    if number not in known:
        what = "holds no attended vectors" if not known else f"holds none of case {number}, but of {', '.join(map(str, known))}"
        complain(f"{arguments.file}: {what}: run with --top-k 5")
        return USAGE
    case = result.cases.set_index("case", drop=False).loc[number]
    say(f"case {number}: {scaling.series_label(case)}; {scaling.problem_label(case)}, m = {case['m']:,}")
    say("\n".join(attended.lines(rows[rows["case"] == number], arguments.sentences, arguments.top)))
    return VALID


COMMANDS = {"report": run_report, "check": run_check, "attended": run_attended}


def main(words: list[str]) -> int:
    arguments = parse_arguments(words)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal's encoding may hold less than a file's texts
            stream.reconfigure(errors="backslashreplace")
    try:
        return COMMANDS[arguments.command](arguments)
    except (load.UnreadableFile, OSError) as error:
        complain(error)
    return RESOURCE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
