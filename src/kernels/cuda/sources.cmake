# SPDX-License-Identifier: BSD-3-Clause
# The sources of kernels for devices, of which there are two builds: for CUDA, and for the emulated device of the tests.
set(KNOWSCALE_CUDA_SOURCES
  attention_task.cpp ceilings.cpp dense_product.cpp device.cpp from_host.cpp fused.cu
  fused_bf16.cu fused_f16.cu fused_f32.cu gemm.cpp lstm.cpp lstm_from_host.cpp lstm_gates.cu moments.cu
  moments_from_host.cpp online_softmax.cu placed_rows.cpp rank_device.cpp rows.cu staging.cpp states.cpp streams.cu
  timing.cpp top_keys.cu top_keys_from_host.cpp two_products.cpp)
list(TRANSFORM KNOWSCALE_CUDA_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
set(KNOWSCALE_CUDA_WITH_CUDNN ${CMAKE_CURRENT_LIST_DIR}/lstm_cudnn.cpp)
set(KNOWSCALE_CUDA_WITHOUT_CUDNN ${CMAKE_CURRENT_LIST_DIR}/lstm_without_cudnn.cpp)
# What makes an engine of them, which knows of the threads of the host.
set(KNOWSCALE_CUDA_ENGINE ${CMAKE_CURRENT_LIST_DIR}/engine.cpp ${CMAKE_CURRENT_LIST_DIR}/kernels.cpp)
