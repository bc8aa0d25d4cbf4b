// SPDX-License-Identifier: BSD-3-Clause
#include "core/error.hpp"

#include <new>

namespace knowscale {

Error current_error() {
  const auto unexpected = [](const std::string& what) {
    return Error(ExitStatus::resource, "unexpected: " + what + ": please report it with the command and its files");
  };
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ExitStatus::resource, "out of memory: use more ranks, a smaller m, or a node with more memory"};
  } catch (const std::exception& error) {
    return unexpected(error.what());
  } catch (...) {
    return unexpected("an exception without a text");
  }
}

}  // namespace knowscale
