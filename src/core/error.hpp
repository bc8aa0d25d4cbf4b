// SPDX-License-Identifier: BSD-3-Clause
// Errors that end the program, each with the exit status that the command line documents.
#pragma once

#include <stdexcept>
#include <string>

namespace knowscale {

// Exit status of the program, the same on every rank.
enum class ExitStatus : int {
  valid = 0,        // all cases measured and verified
  invalid = 1,      // a verification or a measurement failed
  usage = 2,        // command line or campaign error
  resource = 3,     // memory, file, launch environment
  interrupted = 75  // stopped by a signal; the same command resumes
};

// One line for the user: the value found and the remedy. `main` prints it and exits with `status`.
class Error : public std::runtime_error {
 public:
  Error(ExitStatus status, const std::string& message) : std::runtime_error(message), status_(status) {}
  ExitStatus status() const { return status_; }

 private:
  ExitStatus status_;
};

// Throws Error(status, message) unless `condition` holds.
inline void require(bool condition, ExitStatus status, const std::string& message) {
  if (!condition) throw Error(status, message);
}

// Inside a catch block: what was caught, as the Error that the program ends with. Whatever it is (memory, the standard
// library, no std::exception at all), it becomes one line and a documented status.
Error current_error();

}  // namespace knowscale
