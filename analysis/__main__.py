# SPDX-License-Identifier: BSD-3-Clause
"""python3 -m analysis report FILE.h5 -o DIR; ... check FILE.h5; ... attended FILE.h5"""

import argparse
import sys
from pathlib import Path

from . import attended, check, load, report, scaling

VALID, INVALID, USAGE, RESOURCE = 0, 1, 2, 3


def positive(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word}: give a number from 1")
    return int(word)


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m analysis",
        description="Reads a knowscale result file.",
        epilog="Exit status: 0 done (check: all right), 1 check found an error or what it cannot tell, 2 usage, 3 the file cannot be read.",
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
    three.add_argument("--top", type=positive, default=3, help="how many vectors a token (default: 3)")
    return parser.parse_args(words)


def run_report(arguments: argparse.Namespace) -> int:
    folder = arguments.output or arguments.file.with_suffix("")
    print(report.write_report(load.load(arguments.file), folder), end="")
    print(f"analysis report: {folder / 'index.html'}")
    return VALID


def run_check(arguments: argparse.Namespace) -> int:
    kept = load.load_kept(arguments.file)
    if not kept:
        print(f"analysis: error: {arguments.file}: keeps no inputs and outputs: run with --keep-io", file=sys.stderr)
        return USAGE
    cases = load.load(arguments.file).cases
    checks = check.check_all(cases, kept)
    for one in checks:
        print(f"case {one.case:>4}  {one.label:<50}  error {one.error:.2e}  bound {one.bound:.2e}  {one.verdict}")
    for _, case in check.left_out(cases, kept).iterrows():
        print(f"case {case['case']:>4}  {case['model']:<50}  left out: no formula of attention")
    failed, untold = [one for one in checks if one.failed], [one for one in checks if not one.failed and not one.told]
    if failed or untold or not checks:
        reason = f"case {failed[0].case}" if failed else f"case {untold[0].case} cannot be told" if untold else "no kept attention case"
        print(f'analysis check: INVALID cases={len(checks)} failed={len(failed)} untold={len(untold)} reason="{reason}"')
        return INVALID
    print(f"analysis check: VALID cases={len(checks)}")
    return VALID


def run_attended(arguments: argparse.Namespace) -> int:
    result = load.load(arguments.file)
    rows = result.attended
    known = sorted(rows["case"].unique()) if len(rows) else []
    number = arguments.case if arguments.case is not None else (known[0] if known else None)
    if number not in known:
        what = "holds no attended vectors" if not known else f"holds none of case {number}, but of {', '.join(map(str, known))}"
        print(f"analysis: error: {arguments.file}: {what}: run with --top-k 5", file=sys.stderr)
        return USAGE
    case = result.cases.set_index("case", drop=False).loc[number]
    print(f"case {number}: {scaling.series_label(case)}; {scaling.problem_label(case)}, m = {case['m']:,}")
    print("\n".join(attended.lines(rows[rows["case"] == number], arguments.sentences, arguments.top)))
    return VALID


COMMANDS = {"report": run_report, "check": run_check, "attended": run_attended}


def main(words: list[str]) -> int:
    arguments = parse_arguments(words)
    try:
        return COMMANDS[arguments.command](arguments)
    except load.UnreadableFile as error:
        print(f"analysis: error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"analysis: error: {error}", file=sys.stderr)
    return RESOURCE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
