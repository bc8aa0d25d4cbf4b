# SPDX-License-Identifier: BSD-3-Clause
"""Attention by knowscale and by its peers on the same shapes, in turns.

attention.py BENCH_ATTENTION [--threads 1,2] [--rounds 5] [--shapes 1x512x65536x64,...] [--peers simd,blas,...]
             [--out FILE.h5]

BENCH_ATTENTION is the program built from bench/attention.cpp: kernels simd and blas (two GEMMs of OpenBLAS and a
softmax). Peers that the running Python can import are timed beside it: PyTorch (scaled_dot_product_attention), ONNX
Runtime (MultiHeadAttention) and OpenVINO (scaled_dot_product_attention). Shapes are heads x queries x keys x width.
All take turns in every round, so that a change of the machine's speed meets all; a rate is the median over the rounds,
a ratio the median of the rounds' ratios. Fractions are of the FMA rate of the same format (n <= 16: of the read rate)
that BENCH_ATTENTION measures in the same round. One table on stdout, and in FILE.h5 with versions and machine.
"""
import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time

SHAPES = ["1x512x65536x64", "1x512x32768x128", "8x512x8192x64", "1x2048x2048x64", "1x16x1048576x64",
          "1x4x1048576x64", "1x1x1048576x64"]
OURS = [("simd", "f32"), ("blas", "f32"), ("simd", "bf16")]


def knowscale(program: str, kernel: str, precision: str, shape: str, threads: int) -> dict:
    """One run of a benchmark, which repeats for at least 0.4 s: seconds and the rates of its process."""
    name = f"{kernel}/{precision}/{shape}/threads:{threads}/"
    command = [program, f"--benchmark_filter=^{name}", "--benchmark_min_time=0.4", "--benchmark_format=json"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    (result,) = json.loads(output)["benchmarks"]
    return {"seconds": result["real_time"] * 1e-3, "fma": result["FLOP/s"] / result["of_FMA"],
            "read": result["B/s"] / result["of_read"]}


def pytorch(inputs, precision: str, threads: int):
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[precision]
    q, k, v = (torch.from_numpy(x).to(dtype) for x in inputs)

    def call():
        with torch.no_grad():
            torch.nn.functional.scaled_dot_product_attention(q, k, v)
    return call


def onnxruntime(inputs, precision: str, threads: int):
    if precision != "f32":
        raise ImportError("f32 alone")
    ort, onnx, np = (importlib.import_module(name) for name in ("onnxruntime", "onnx", "numpy"))
    heads, width = inputs[0].shape[1], inputs[0].shape[3]
    flat = {name: np.ascontiguousarray(x.transpose(0, 2, 1, 3).reshape(1, -1, heads * width))
            for name, x in zip("qkv", inputs)}
    tensor = lambda name, shape: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
    node = onnx.helper.make_node("MultiHeadAttention", list("qkv"), ["o"], domain="com.microsoft", num_heads=heads,
                                 scale=width ** -0.5)
    graph = onnx.helper.make_graph([node], "attention", [tensor(n, x.shape) for n, x in flat.items()],
                                   [tensor("o", flat["q"].shape)])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17),
                                                         onnx.helper.make_opsetid("com.microsoft", 1)])
    model.ir_version = 8
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, flat)


def openvino(inputs, precision: str, threads: int):
    ov = importlib.import_module("openvino")
    op = importlib.import_module("openvino.opset13")
    np = importlib.import_module("numpy")
    parameters = [op.parameter(list(x.shape), np.float32) for x in inputs]
    model = ov.Model([op.scaled_dot_product_attention(*parameters)], parameters)
    compiled = ov.Core().compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                                                      "INFERENCE_PRECISION_HINT": precision})
    request = compiled.create_infer_request()
    for i, x in enumerate(inputs):
        request.set_input_tensor(i, ov.Tensor(x, shared_memory=True))
    return request.infer


PEERS = {"PyTorch": (pytorch, "torch"), "ONNX Runtime": (onnxruntime, "onnxruntime"),
         "OpenVINO": (openvino, "openvino")}


def seconds_of(call, least_seconds: float = 0.4) -> float:
    """Median of the calls of about least_seconds, at least two, after one to warm up."""
    call()
    seconds: list[float] = []
    while len(seconds) < 2 or sum(seconds) < least_seconds:
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def versions(names: list[str]) -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in names:
        found[name] = str(importlib.import_module(PEERS[name][1]).__version__)
    return found


def available(wanted: list[str]) -> list[str]:
    names = []
    for name, (_, module) in PEERS.items():
        if wanted and name not in wanted:
            continue
        try:
            importlib.import_module(module)
            names.append(name)
        except ImportError:
            print(f"{name} is not installed: left out", file=sys.stderr)
    return names


def measure_shape(program: str, shape: str, threads: int, rounds: int, peers: list[str], ours) -> list[dict]:
    np = importlib.import_module("numpy")
    heads, n, m, d = (int(x) for x in shape.split("x"))
    random = np.random.default_rng(0)
    inputs = [random.standard_normal((1, heads, rows, d), dtype=np.float32) for rows in (n, m, m)]
    calls = {}
    for name in peers:
        for precision in ("f32", "bf16"):
            try:
                calls[name, precision] = PEERS[name][0](inputs, precision, threads)
            except ImportError:
                continue
    seconds: dict = {key: [] for key in [*ours, *calls]}
    fma: dict = {"f32": [], "bf16": []}
    read = []
    for _ in range(rounds):
        for kernel, precision in ours:
            result = knowscale(program, kernel, precision, shape, threads)
            seconds[kernel, precision].append(result["seconds"])
            fma[precision].append(result["fma"])
            read.append(result["read"])
        for key, call in calls.items():
            seconds[key].append(seconds_of(call))
    rows = []
    for (name, precision), times in seconds.items():
        median = statistics.median(times)
        flops, bytes_read = 4 * heads * n * m * d, 2 * heads * m * d * (4 if precision == "f32" else 2)
        reference = seconds.get(("simd", precision), times)
        rows.append({
            "threads": threads, "shape": shape, "name": name, "precision": precision, "seconds": median,
            "flops": flops / median,
            "of_fma": flops / median / statistics.median(fma[precision]) if fma[precision] else float("nan"),
            "of_read": bytes_read / median / statistics.median(read),
            "times_simd": statistics.median(a / b for a, b in zip(times, reference))})
    return rows


def print_rows(rows: list[dict]) -> None:
    for row in rows:
        few = int(row["shape"].split("x")[1]) <= 16
        print(f"{row['threads']:>2}T  {row['shape']:<18} {row['name']:<13} {row['precision']:<5}"
              f"{row['seconds'] * 1e3:>10.2f} ms {row['flops'] * 1e-9:>8.1f} GF/s  {row['of_fma']:.3f} of FMA"
              + (f"  {row['of_read']:.3f} of read" if few else " " * 15)
              + f"  {row['times_simd']:.2f} x simd's time", flush=True)


def write_file(path: str, rows: list[dict], found: dict[str, str]) -> None:
    h5py = importlib.import_module("h5py")
    units = {"threads": "1", "seconds": "s", "flops": "FLOP/s", "of_fma": "1", "of_read": "1", "times_simd": "1"}
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "attention side by side"
        file.attrs["date"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        file.attrs["machine"] = platform.platform() + ", " + str(os.cpu_count()) + " CPUs"
        for name, version in found.items():
            file.attrs[f"version of {name}"] = version
        for column in rows[0]:
            values = [row[column] for row in rows]
            data = file.create_dataset(column, data=values if column in units else [str(x) for x in values])
            data.attrs["units"] = units.get(column, "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--peers", default="")
    parser.add_argument("--out", default="")
    options = parser.parse_args()
    peers = available([name for name in options.peers.split(",") if name])
    found = versions(peers)
    print(", ".join(f"{name} {version}" for name, version in found.items()), flush=True)
    rows = []
    for threads in (int(x) for x in options.threads.split(",")):
        for shape in options.shapes.split(","):
            added = measure_shape(options.program, shape, threads, options.rounds, peers, OURS)
            print_rows(added)
            rows += added
    if options.out:
        write_file(options.out, rows, found)


main()
