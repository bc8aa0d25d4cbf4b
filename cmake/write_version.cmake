# SPDX-License-Identifier: BSD-3-Clause
# Writes the version header; only when it changes, so that nothing is compiled again for nothing.
# A source folder unpacked inside another project's repository has no revision: not that project's.
set(revision unknown)
execute_process(COMMAND git -C ${SOURCE_DIR} rev-parse --show-toplevel
  OUTPUT_VARIABLE toplevel ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
if(toplevel)
  file(REAL_PATH "${toplevel}" toplevel)
  file(REAL_PATH "${SOURCE_DIR}" source)
  if(toplevel STREQUAL source)
    execute_process(COMMAND git -C ${SOURCE_DIR} describe --always --dirty --abbrev=12
      OUTPUT_VARIABLE described ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(described)
      set(revision ${described})
    endif()
  endif()
endif()
string(STRIP "${FLAGS}" FLAGS)
foreach(text COMPILER FLAGS)  # become string literals
  string(REPLACE "\\" "\\\\" ${text} "${${text}}")
  string(REPLACE "\"" "\\\"" ${text} "${${text}}")
endforeach()
set(text "// Written by cmake/write_version.cmake.
#pragma once
namespace knowscale {
inline constexpr const char* kVersion = \"${VERSION}\";
inline constexpr const char* kRevision = \"${revision}\";
inline constexpr const char* kCompiler = \"${COMPILER}\";
inline constexpr const char* kFlags = \"${FLAGS}\";
}  // namespace knowscale
")
set(old "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} old)
endif()
if(NOT old STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
