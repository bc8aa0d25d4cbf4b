// SPDX-License-Identifier: BSD-3-Clause
// MPI's lifetime, and the way from an exception to the exit status.
#include <exception>

#include "cli/commands.hpp"
#include "cli/launch.hpp"
#include "cli/options.hpp"
#include "comm/communicator.hpp"
#include "core/error.hpp"
#include "core/streams.hpp"
#include "core/text.hpp"
#include "study/interrupt.hpp"

namespace {

using namespace knowscale;

int status_of(ExitStatus status) { return static_cast<int>(status); }

// One line that names value and remedy, whatever was in the message.
void print_error(const Error& error) {
  print_err("knowscale: error: " + printable(error.what()) + "\n");
}

// `launch_rank`: from before MPI started, which sets variables of its own.
int run_with_mpi(const Options& options, int launch_rank, int argc, char** argv) {
  const MpiSession session(&argc, &argv);
  try {
    const Communicator world = Communicator::world();
    try {
      require_one_world(world.size());
      catch_stop_signals();
      return status_of(execute(options, world));
    } catch (const CollectiveError& error) {
      if (world.is_root()) print_error(error);
      return status_of(error.status());
    } catch (...) {
      if (world.size() > 1) throw;
      const Error error = current_error();
      if (launch_rank == 0) print_error(error);
      return status_of(error.status());
    }
  } catch (...) {  // of one rank, while others may be waiting for it
    const Error error = current_error();
    print_error(error);
    abort_all_ranks(status_of(error.status()));
  }
}

// In every process as in one: nothing in its environment makes it a rank.
int run_alone(const Options& options) {
  try {
    return status_of(execute_alone(options));
  } catch (...) {
    const Error error = current_error();
    print_error(error);
    return status_of(error.status());
  }
}

}  // namespace

int main(int argc, char** argv) {
  prepare_streams();
  const int rank = launch_rank();
  try {
    const Options options = parse_options(argc, argv);
    return needs_mpi(options) ? run_with_mpi(options, rank, argc, argv) : run_alone(options);
  } catch (const CommandLineError& error) {
    if (rank == 0 || !error.parallel()) print_error(error);
    return status_of(error.status());
  } catch (...) {  // MPI did not start
    const Error error = current_error();
    if (rank == 0) print_error(error);
    return status_of(error.status());
  }
}
