# SPDX-License-Identifier: BSD-3-Clause
"""Attention of PyTorch on a CUDA device, on the shapes of bench_cuda and in its columns.

attention_cudnn.py [--filter TEXT] [--seconds 0.4]

scaled_dot_product_attention with its back end forced: cuDNN's, and FlashAttention as PyTorch has it. Random inputs, event
timed, medians; sampled queries are computed again in f64. What a back end does not take is a comment line.
"""
import argparse
import statistics
import sys

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

BACKENDS = {"cudnn": SDPBackend.CUDNN_ATTENTION, "flash": SDPBackend.FLASH_ATTENTION}
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16}
ALLOWED = {"bf16": 1e-2, "f16": 2e-3}


def cases() -> list[tuple]:
    """(name, type, n, m, heads, kv_heads, d, causal): those of attention.cpp whose numbers have 16 bits."""
    rows = []
    for kind in TYPES:
        for d in (64, 128, 256):
            for causal in (False, True):
                rows.append((f"{'causal' if causal else 'forward'}/{d}/{kind}", kind, 16384, 16384, 16, 16, d, causal))
        for d in (64, 128):
            rows.append((f"small/{d}/{kind}", kind, 512, 65536, 1, 1, d, False))
    shard = 1 << 22
    for n in (1, 4, 16):
        rows.append((f"decode/{n}/bf16", "bf16", n, shard, 1, 1, 128, False))
    rows.append(("decode_gqa/8/bf16", "bf16", 1, shard, 8, 1, 128, False))
    rows.append(("decode_gqa/64/bf16", "bf16", 1, shard // 8, 64, 8, 128, False))
    return rows


def inputs_of(kind, n, m, heads, kv_heads, d):
    return [torch.randn(1, h, rows, d, device="cuda", dtype=TYPES[kind])
            for h, rows in ((heads, n), (kv_heads, m), (kv_heads, m))]


def input_sets(kind, n, m, heads, kv_heads, d) -> list:
    """As many sets as it takes that none is in the cache when it is used again."""
    size = 2 * 2 * m * kv_heads * d
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    return [inputs_of(kind, n, m, heads, kv_heads, d) for _ in range(max(1, min(64, 3 * cache // size)))]


def error_of(found, q, k, v, causal: bool) -> float:
    """The largest relative error of some queries' outputs, head by head."""
    largest = 0.0
    n, group = q.shape[2], q.shape[1] // k.shape[1]
    some = sorted({0, n // 3, n - 1})
    for head in {0, q.shape[1] - 1}:
        keys, values = k[0, head // group].double(), v[0, head // group].double()
        scores = q[0, head, some].double() @ keys.T / q.shape[3] ** 0.5
        if causal:
            hidden = torch.arange(keys.shape[0], device="cuda")[None, :] > torch.tensor(some, device="cuda")[:, None]
            scores.masked_fill_(hidden, float("-inf"))
        expected = torch.softmax(scores, dim=1) @ values
        error = (found[0, head, some].double() - expected).norm(dim=1) / expected.norm(dim=1)
        largest = max(largest, float(error.max())) if torch.isfinite(error).all() else float("nan")
    return largest


def milliseconds_of(call, seconds: float) -> list[float]:
    """Events between repetitions that are queued ahead, after three to warm up."""
    for i in range(3):
        call(i)
    torch.cuda.synchronize()
    times: list[float] = []
    while len(times) < 9 or (sum(times) < 1e3 * seconds and len(times) < 1000):
        events = [torch.cuda.Event(enable_timing=True) for _ in range(9)]
        events[0].record()
        for i, event in enumerate(events[1:]):
            call(len(times) + i)
            event.record()
        torch.cuda.synchronize()
        times += [a.elapsed_time(b) for a, b in zip(events, events[1:])]
    return times


def measure(backend: str, case: tuple, seconds: float) -> str:
    name, kind, n, m, heads, kv_heads, d, causal = case
    sets = input_sets(kind, n, m, heads, kv_heads, d)

    def call(i):
        q, k, v = sets[i % len(sets)]
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=heads != kv_heads)

    with torch.no_grad(), sdpa_kernel(BACKENDS[backend]):
        error = error_of(call(0), *sets[0], causal)
        times = sorted(milliseconds_of(call, seconds))
    median = statistics.median(times)
    seen = n * (n + 1) / 2 if causal else n * m
    by_flops = n * heads > 64 * kv_heads
    rate = 4e-9 * seen * d * heads / median if by_flops else 4e-6 * m * kv_heads * d / median
    low, high = times[len(times) // 20], times[-1 - len(times) // 20]
    verdict = "ok" if error <= ALLOWED[kind] else "WRONG"
    return (f"{name:18s} {backend:17s} {kind:4s} {n:6d} {m:8d} {heads:5d} {kv_heads:2d} {d:4d} "
            f"{'yes' if causal else 'no':>6s} {median:10.4f} {low:10.4f} {high:10.4f} {rate:9.4g} "
            f"{'TFLOP/s' if by_flops else 'GB/s':7s} {'-':>8s} {error:8.1e} {ALLOWED[kind]:8.1e} {verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="")
    parser.add_argument("--seconds", type=float, default=0.4)
    options = parser.parse_args()
    torch.manual_seed(0)
    print(f"# PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}")
    for case in cases():
        if options.filter not in case[0]:
            continue
        for backend in BACKENDS:
            print(f"attention_cudnn: {case[0]} {backend}", file=sys.stderr)
            try:
                print(measure(backend, case, options.seconds), flush=True)
            except RuntimeError as error:
                print(f"# {case[0]} {backend}: {str(error).splitlines()[0]}", flush=True)
            torch.cuda.empty_cache()
    return 0


if __name__ == "__main__":
    sys.exit(main())
