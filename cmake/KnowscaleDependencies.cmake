# SPDX-License-Identifier: BSD-3-Clause
# Everything that knowscale links, found where the distribution or Spack put it.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 REQUIRED COMPONENTS C HL)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "The HDF5 that was found (${HDF5_C_LIBRARIES}) is not a parallel build: "
    "install libhdf5-openmpi-dev or libhdf5-mpich-dev, or hdf5 +mpi +hl with Spack")
endif()
# Debian's HDF5 says by its folder which MPI it is for; with another one two MPIs would be linked into one program.
foreach(mpi openmpi mpich)
  if("${HDF5_C_LIBRARIES}" MATCHES "/hdf5/${mpi}/" AND NOT "${MPI_C_LIBRARIES}" MATCHES "/${mpi}/")
    message(FATAL_ERROR "The HDF5 that was found (${HDF5_C_LIBRARIES}) is for ${mpi}, and the MPI is another one "
      "(${MPI_C_LIBRARIES}): name one for both, as in -DMPI_C_COMPILER=mpicc.${mpi} "
      "-DHDF5_C_COMPILER_EXECUTABLE=/usr/bin/h5pcc.${mpi}, after removing CMakeCache.txt")
  endif()
endforeach()
# Others may do, and have not passed the tests.
include(CheckSymbolExists)
set(CMAKE_REQUIRED_LIBRARIES MPI::MPI_C)
check_symbol_exists(OPEN_MPI mpi.h KNOWSCALE_OPEN_MPI)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT KNOWSCALE_OPEN_MPI)
  message(WARNING "knowscale is tested with Open MPI alone, and the MPI that was found (${MPI_C_LIBRARIES}) is another one: "
    "name Open MPI's with -DMPI_C_COMPILER=mpicc.openmpi, or go on and look at ./test.sh")
endif()

find_package(TBB REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(hwy REQUIRED)
pkg_check_modules(openblas REQUIRED IMPORTED_TARGET openblas)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)

# MPI in C alone: the deprecated C++ bindings of Open MPI stay out.
add_library(knowscale_mpi INTERFACE)
target_link_libraries(knowscale_mpi INTERFACE MPI::MPI_C)
target_compile_definitions(knowscale_mpi INTERFACE OMPI_SKIP_MPICXX)
add_library(knowscale_hdf5 INTERFACE)
target_link_libraries(knowscale_hdf5 INTERFACE knowscale_mpi hdf5::hdf5 hdf5::hdf5_hl)
add_library(knowscale_random123 INTERFACE)
target_include_directories(knowscale_random123 SYSTEM INTERFACE $<BUILD_INTERFACE:${RANDOM123_INCLUDE_DIR}>)
