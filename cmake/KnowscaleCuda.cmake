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

# A toolkit may come without libraries that the packages of a Python have, without the link that the linker looks for.
set(KNOWSCALE_CUDA_PACKAGES "" CACHE PATH "Folder nvidia/ of a Python's packages: for libraries that the toolkit lacks")
set(packages ${KNOWSCALE_CUDA_PACKAGES}/cu${CUDAToolkit_VERSION_MAJOR})
foreach(library cublas cublasLt)
  if(NOT TARGET CUDA::${library})
    find_library(KNOWSCALE_${library}_LIBRARY lib${library}.so.${CUDAToolkit_VERSION_MAJOR} HINTS ${packages}/lib REQUIRED)
    add_library(CUDA::${library} INTERFACE IMPORTED GLOBAL)
    target_link_libraries(CUDA::${library} INTERFACE ${KNOWSCALE_${library}_LIBRARY})
    target_include_directories(CUDA::${library} SYSTEM INTERFACE ${packages}/include)
  endif()
endforeach()

# knowscale_optional(NAME library version): KNOWSCALE_<NAME>_FOUND, and a target where it is found.
macro(knowscale_optional name library version)
  find_path(KNOWSCALE_${name}_INCLUDE_DIR ${library}.h
    HINTS ${CUDAToolkit_INCLUDE_DIRS} ${KNOWSCALE_CUDA_PACKAGES}/${library}/include)
  find_library(KNOWSCALE_${name}_LIBRARY NAMES ${library} lib${library}.so.${version}
    HINTS ${CUDAToolkit_LIBRARY_DIR} ${KNOWSCALE_CUDA_PACKAGES}/${library}/lib)
  set(KNOWSCALE_${name}_FOUND OFF)
  if(KNOWSCALE_${name}_INCLUDE_DIR AND KNOWSCALE_${name}_LIBRARY)
    set(KNOWSCALE_${name}_FOUND ON)
    add_library(knowscale_${library} INTERFACE)
    target_include_directories(knowscale_${library} SYSTEM INTERFACE $<BUILD_INTERFACE:${KNOWSCALE_${name}_INCLUDE_DIR}>)
    target_link_libraries(knowscale_${library} INTERFACE ${KNOWSCALE_${name}_LIBRARY})
  endif()
endmacro()
knowscale_optional(CUDNN cudnn 9)
knowscale_optional(NCCL nccl 2)
message(STATUS "knowscale: CUDA ${CUDAToolkit_VERSION} for ${CMAKE_CUDA_ARCHITECTURES}, cuDNN ${KNOWSCALE_CUDNN_FOUND}, "
  "NCCL ${KNOWSCALE_NCCL_FOUND}")
