# SPDX-License-Identifier: BSD-3-Clause
"""The layers of src/ as a test: fails on an include that runs upwards, or that opens a library outside its folder,
or on a call that is made in one place.

    python3 include_graph.py SRC
"""

import re
import sys
from pathlib import Path

# A folder may include itself and what is listed here.
LAYERS = {
    "core": set(),
    "kernels": {"core"},
    "comm": {"core", "kernels"},
    "problem": {"core", "kernels", "comm"},
    "models": {"core", "kernels", "comm", "problem"},
    "record": {"core", "kernels", "problem"},
    "truth": {"core", "kernels", "comm", "problem", "models"},
    "campaign": {"core", "kernels", "comm", "problem", "models", "record"},
    "study": {"core", "kernels", "comm", "problem", "models", "truth", "record", "campaign"},
    "cli": {"core", "kernels", "comm", "problem", "models", "record", "campaign", "study"},
    "": {"core", "comm", "study", "cli"},  # main.cpp
}

# Where a library may be included: folders, or single files.
LIBRARIES = {
    r"mpi\.h": {"comm"},
    r"hdf5(_hl)?\.h": {"problem", "record"},
    r"cblas\.h": {"kernels/blas/gemm.cpp"},
    r"cuda_runtime\.h": {
        "comm/nccl.cpp",
        "kernels/cuda/runtime/device.hpp",
        "kernels/cuda/runtime/device/instructions.cuh",
        "kernels/cuda/runtime/device/launch.cuh",
        "kernels/cuda/runtime/grid.hpp",
    },
    r"cublas_v2\.h": {"kernels/cuda/runtime/gemm.hpp"},
    r"cudnn\.h": {"kernels/cuda/lstm/cudnn.cpp"},
    r"nccl\.h": {"comm/nccl.cpp"},
    r"hwy/.*": {"kernels", "record/environment.cpp"},
    r"(oneapi/)?tbb/.*": {"kernels/threads.cpp", "record/environment.cpp"},
    r"CLI/.*": {"cli/options.cpp"},
    r"toml\+\+/.*": {"campaign/campaign.cpp", "campaign/overrides.hpp", "campaign/section.hpp"},
    r"xxhash\.h": {"campaign/expand.cpp", "record/digest.cpp", "record/environment.cpp"},
    r"Random123/.*": {"core/random.cpp"},
}

# Calls that one file makes for all, behind its checks of what somebody else's file declares.
CALLS = {
    r"\bH5Dread\(": {"problem/h5_dataset.cpp"},
    r"\bH5[ADGO](open|read)\w*\(": {"problem/h5.cpp", "problem/h5_dataset.cpp"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def offences(src: Path) -> list[str]:
    found = []
    for path in sorted([*src.rglob("*.hpp"), *src.rglob("*.cpp"), *src.rglob("*.cu"), *src.rglob("*.cuh")]):
        name = path.relative_to(src).as_posix()
        layer = name.split("/")[0] if "/" in name else ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for pattern, places in CALLS.items():
                if re.search(pattern, line) and name not in places:
                    found.append(f"{name}:{number}: {pattern} belongs in {', '.join(sorted(places))}")
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match[2]
            if match[1] == '"':
                other = target.split("/")[0]
                if not (src / target).exists():
                    found.append(f"{name}:{number}: {target} is not a file of src/")
                elif other != layer and other not in LAYERS[layer]:
                    found.append(f"{name}:{number}: {layer or 'main'} must not include {other}")
            for pattern, places in LIBRARIES.items():
                if re.fullmatch(pattern, target) and layer not in places and name not in places:
                    found.append(f"{name}:{number}: {target} belongs in {', '.join(sorted(places))}")
    return found


def main() -> int:
    src = Path(sys.argv[1])
    if not any(src.rglob("*.cpp")):
        print(f"no sources in {src}")
        return 1
    found = offences(src)
    print("\n".join(found) or "include graph: no arrow runs upwards")
    return 1 if found else 0


sys.exit(main())
