# SPDX-License-Identifier: BSD-3-Clause
# A folder of src/ is a static library knowscale::<layer> whose headers stand beside its sources.

function(knowscale_warnings target)
  set(options -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    list(APPEND options -Wno-restrict -Wno-stringop-overflow)  # false alarms on std::string (GCC bugs 105329, 105651)
  endif()
  if(KNOWSCALE_WERROR)
    list(APPEND options -Werror)
  endif()
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${options}>)
  # What nvcc hands to the host's compiler is its own text, which is not pedantic.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr
    $<$<BOOL:${KNOWSCALE_WERROR}>:--Werror=all-warnings> -Xcompiler=-Wall,-Wextra>)
endfunction()

# The headers that most files include, parsed once, which saves a quarter of the time of a file. In the presets that look
# for faults there is none, so that every file still includes what it needs.
set(KNOWSCALE_PRECOMPILED
  <algorithm> <array> <cmath> <cstdint> <functional> <limits> <map> <memory> <optional> <set> <span> <string>
  <string_view> <utility> <vector>)

# An object library that holds precompiled headers, for targets of the same flags to reuse.
function(knowscale_headers target)
  add_library(${target} OBJECT ${PROJECT_SOURCE_DIR}/cmake/precompiled.cpp)
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_precompile_headers(${target} PRIVATE ${ARGN})
  knowscale_warnings(${target})
endfunction()

# For libraries.
function(knowscale_precompiled target)
  if(NOT TARGET knowscale_headers)
    knowscale_headers(knowscale_headers ${KNOWSCALE_PRECOMPILED})
    set_target_properties(knowscale_headers PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_precompile_headers(${target} REUSE_FROM knowscale_headers)
endfunction()

# knowscale_library(layer SOURCES a.cpp ... PUBLIC deps... PRIVATE deps...)
function(knowscale_library layer)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target knowscale_${layer})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(knowscale::${layer} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${layer})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/knowscale>)
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  knowscale_warnings(${target})
  knowscale_precompiled(${target})
  set_property(GLOBAL APPEND PROPERTY KNOWSCALE_LAYERS ${target})
endfunction()
