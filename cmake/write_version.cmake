# SPDX-License-Identifier: BSD-3-Clause
# Writes the version header; only when it changes, so that nothing is compiled again for nothing.
execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE revision ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT revision)
  set(revision unknown)
endif()
string(STRIP "${FLAGS}" FLAGS)
set(text "// Written by cmake/write_version.cmake.
#pragma once
namespace knowscale {
inline constexpr const char* kVersion = \"${VERSION}\";
inline constexpr const char* kRevision = \"${revision}\";
inline constexpr const char* kCompiler = \"${COMPILER}\";
inline constexpr const char* kFlags = \"${FLAGS}\";
inline constexpr const char* kCudaToolkit = \"${CUDA_TOOLKIT}\";
}  // namespace knowscale
")
set(old "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT old STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
