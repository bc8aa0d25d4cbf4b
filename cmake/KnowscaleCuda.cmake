# SPDX-License-Identifier: BSD-3-Clause
# What a build for devices needs: nvcc and cuBLAS, and cuDNN and NCCL where they are found.
if(NOT KNOWSCALE_CUDA)
  return()
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90a-real 100)  # the last as PTX too, for devices to come
endif()
find_package(CUDAToolkit REQUIRED)
set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE} CACHE FILEPATH "nvcc")
enable_language(CUDA)

find_path(KNOWSCALE_CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(KNOWSCALE_CUDNN_LIBRARY cudnn HINTS ${CUDAToolkit_LIBRARY_DIR})
set(KNOWSCALE_CUDNN_FOUND OFF)
if(KNOWSCALE_CUDNN_INCLUDE_DIR AND KNOWSCALE_CUDNN_LIBRARY)
  set(KNOWSCALE_CUDNN_FOUND ON)
  add_library(knowscale_cudnn INTERFACE)
  target_include_directories(knowscale_cudnn SYSTEM INTERFACE $<BUILD_INTERFACE:${KNOWSCALE_CUDNN_INCLUDE_DIR}>)
  target_link_libraries(knowscale_cudnn INTERFACE ${KNOWSCALE_CUDNN_LIBRARY})
endif()
message(STATUS "knowscale: CUDA ${CUDAToolkit_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}, cuDNN ${KNOWSCALE_CUDNN_FOUND}")
