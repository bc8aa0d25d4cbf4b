# SPDX-License-Identifier: BSD-3-Clause
set(KNOWSCALE_BENCH_CUDA_SOURCES attention.cpp bench.cpp lstm.cpp main.cpp shard.cpp table.cpp)
list(TRANSFORM KNOWSCALE_BENCH_CUDA_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
