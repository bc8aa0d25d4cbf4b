# SPDX-License-Identifier: BSD-3-Clause
# knowscale_version.hpp: version, compiler, flags, and the git revision as it is at build time.
set(version_dir ${PROJECT_BINARY_DIR}/generated)
string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
add_custom_target(knowscale_revision
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${PROJECT_SOURCE_DIR} -DOUTPUT=${version_dir}/knowscale_version.hpp
    -DVERSION=${PROJECT_VERSION} "-DCOMPILER=${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}"
    "-DFLAGS=${CMAKE_BUILD_TYPE}: ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}}"
    -P ${PROJECT_SOURCE_DIR}/cmake/write_version.cmake
  BYPRODUCTS ${version_dir}/knowscale_version.hpp
  COMMENT "" VERBATIM)
add_library(knowscale_version INTERFACE)
target_include_directories(knowscale_version INTERFACE $<BUILD_INTERFACE:${version_dir}>)
add_dependencies(knowscale_version knowscale_revision)
