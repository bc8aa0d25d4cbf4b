# SPDX-License-Identifier: BSD-3-Clause
"""LSTM forward by knowscale and by PyTorch on the same shapes: lstm.py BENCH_LSTM THREADS [ROUNDS]

BENCH_LSTM is the program built from bench/lstm.cpp. T = 512 steps, D = H, one layer, f32. The two take
turns, so that a change of the machine's speed meets both; prints H, B, the median milliseconds of each
and the median over the rounds of the ratio knowscale / PyTorch (below 1: knowscale is faster).
"""
import json
import os
import statistics
import subprocess
import sys
import time

STEPS = 512
SHAPES = [(hidden, batch) for hidden in (256, 1024) for batch in (1, 8, 32)]


def knowscale_seconds(program: str, threads: int, hidden: int, batch: int) -> float:
    """One run of the benchmark `forward<float>`, which repeats for at least 0.3 s."""
    name = f"forward<float>/H:{hidden}/B:{batch}/threads:{threads}/"
    command = [program, f"--benchmark_filter={name}", "--benchmark_min_time=0.3", "--benchmark_format=json"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    (result,) = json.loads(output)["benchmarks"]
    return result["real_time"] * 1e-3


def pytorch_seconds(lstm, inputs, repetitions: int = 5) -> float:
    """Median of a few calls after one to warm up."""
    lstm(inputs)
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        lstm(inputs)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    program, threads = sys.argv[1], int(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) == 4 else 5
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when torch is loaded
    import torch

    torch.set_num_threads(threads)
    for hidden, batch in SHAPES:
        lstm, inputs = torch.nn.LSTM(hidden, hidden).eval(), torch.randn(STEPS, batch, hidden)
        ours, theirs = [], []
        with torch.no_grad():
            for _ in range(rounds):
                ours.append(knowscale_seconds(program, threads, hidden, batch))
                theirs.append(pytorch_seconds(lstm, inputs))
        ratio = statistics.median(a / b for a, b in zip(ours, theirs))
        print(f"{threads}T H={hidden} B={batch}  knowscale {statistics.median(ours) * 1e3:.2f} ms  "
              f"PyTorch {torch.__version__} {statistics.median(theirs) * 1e3:.2f} ms  ratio {ratio:.2f}", flush=True)


main()
