// SPDX-License-Identifier: BSD-3-Clause
// MPI's lifetime, and the way from an exception to the exit status.
#include <exception>

#include "cli/agree.hpp"
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
void print_error(const Error& error) { print_err("knowscale: error: " + printable(error.what()) + "\n"); }

// From before MPI started, which sets variables of its own.
struct Launch {
  int rank = launch_rank();
  int size = launch_size();

  // For those that MPI does not know to be launched together; where no launcher says how many there are, rank 0 cannot
  // see that it is not alone, and the next one can.
  bool speaks() const { return rank == 0 || (size == 1 && rank == 1); }
};

int run_with_mpi(const Launch& launch, int argc, char** argv) {
  const MpiSession session(&argc, &argv);
  try {
    const Communicator world = Communicator::world();
    try {
      if (world.size() == 1) parse_options(argc, argv);  // words that are wrong come before a world that is
      require_one_world(world.size(), launch.rank, launch.size);
      agree_on_launch(world, {argv, argv + argc});
      Options options;
      world.together([&] { options = parse_options(argc, argv); });
      catch_stop_signals();
      return status_of(execute(options, world));
    } catch (const CollectiveError& error) {
      if (world.is_root()) print_error(error);
      return status_of(error.status());
    } catch (...) {
      if (world.size() > 1) throw;
      const Error error = current_error();
      if (launch.speaks()) print_error(error);
      return status_of(error.status());
    }
  } catch (...) {  // of one rank, while others may be waiting for it
    const Error error = current_error();
    print_error(error);
    abort_all_ranks(status_of(error.status()));
  }
}

// In every process as in one: nothing in its environment makes it a rank.
int run_alone(int argc, char** argv) {
  try {
    return status_of(execute_alone(parse_options(argc, argv)));
  } catch (...) {
    const Error error = current_error();
    print_error(error);
    return status_of(error.status());
  }
}

// Whether these words start a parallel job; so does a mistake of one rank in them, which the others must learn of.
bool is_parallel(const Launch& launch, int argc, char** argv) {
  try {
    return needs_mpi(parse_options(argc, argv));
  } catch (const CommandLineError& error) {
    if (launch.size > 1 && error.parallel()) return true;
    throw;
  }
}

}  // namespace

int main(int argc, char** argv) {
  prepare_streams();
  const Launch launch;
  try {
    return is_parallel(launch, argc, argv) ? run_with_mpi(launch, argc, argv) : run_alone(argc, argv);
  } catch (const CommandLineError& error) {
    if (launch.rank == 0 || !error.parallel()) print_error(error);
    return status_of(error.status());
  } catch (...) {  // MPI did not start
    const Error error = current_error();
    if (launch.rank == 0) print_error(error);
    return status_of(error.status());
  }
}
