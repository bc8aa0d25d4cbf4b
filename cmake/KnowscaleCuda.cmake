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

# knowscale_optional(NAME header library): KNOWSCALE_<NAME>_FOUND, and a target where it is found.
macro(knowscale_optional name header library)
  find_path(KNOWSCALE_${name}_INCLUDE_DIR ${header} HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_library(KNOWSCALE_${name}_LIBRARY ${library} HINTS ${CUDAToolkit_LIBRARY_DIR})
  set(KNOWSCALE_${name}_FOUND OFF)
  if(KNOWSCALE_${name}_INCLUDE_DIR AND KNOWSCALE_${name}_LIBRARY)
    set(KNOWSCALE_${name}_FOUND ON)
    add_library(knowscale_${library} INTERFACE)
    target_include_directories(knowscale_${library} SYSTEM INTERFACE $<BUILD_INTERFACE:${KNOWSCALE_${name}_INCLUDE_DIR}>)
    target_link_libraries(knowscale_${library} INTERFACE ${KNOWSCALE_${name}_LIBRARY})
  endif()
endmacro()
knowscale_optional(CUDNN cudnn.h cudnn)
knowscale_optional(NCCL nccl.h nccl)
message(STATUS "knowscale: CUDA ${CUDAToolkit_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}, cuDNN ${KNOWSCALE_CUDNN_FOUND}, "
  "NCCL ${KNOWSCALE_NCCL_FOUND}")
