# SPDX-License-Identifier: BSD-3-Clause
# The sources of kernels for devices, of which there are two builds: for CUDA, and for the emulated device of the tests.
set(KNOWSCALE_CUDA_SOURCES
  attention/from_host.cpp attention/fused.cu attention/fused_bf16.cu attention/fused_f16.cu attention/fused_f32.cu
  attention/online_softmax.cu attention/rows.cu attention/states.cpp attention/task.cpp attention/two_products.cpp
  ceilings/ceilings.cpp ceilings/dense_product.cpp ceilings/streams.cu ceilings/timing.cpp
  lstm/from_host.cpp lstm/gates.cu lstm/lstm.cpp
  moments/from_host.cpp moments/moments.cu
  runtime/device.cpp runtime/gemm.cpp runtime/placed_rows.cpp runtime/rank_device.cpp runtime/staging.cpp
  top_keys/from_host.cpp top_keys/top_keys.cu)
list(TRANSFORM KNOWSCALE_CUDA_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set(KNOWSCALE_CUDA_WITH_CUDNN ${CMAKE_CURRENT_LIST_DIR}/lstm/cudnn.cpp)
set(KNOWSCALE_CUDA_WITHOUT_CUDNN ${CMAKE_CURRENT_LIST_DIR}/lstm/without_cudnn.cpp)
# What makes an engine of them, which knows of the threads of the host.
set(KNOWSCALE_CUDA_ENGINE ${CMAKE_CURRENT_LIST_DIR}/engine.cpp ${CMAKE_CURRENT_LIST_DIR}/kernels.cpp)
