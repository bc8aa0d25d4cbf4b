// SPDX-License-Identifier: BSD-3-Clause
// stdout and stderr as a process may find them: closed, on a full disk, or a pipe whose reader has left. No measurement
// ends because of them: what they do not take is dropped, and the reason is kept for the end of the program.
#pragma once

#include <string_view>

namespace knowscale {

// To be called first in main. Opens what is closed of the descriptors 0 to 2, for reading alone: the next file to be
// opened would become stdout otherwise, and text would go into it. SIGPIPE and SIGXFSZ are ignored from now on, so that
// a write reports its error.
void prepare_streams();

// Text for stdout, text for stderr.
void print_out(std::string_view text);
void print_err(std::string_view text);

// Writes out what is buffered for stdout. The errno of the first text that stdout did not take; 0 where it took all.
int output_error();

}  // namespace knowscale
