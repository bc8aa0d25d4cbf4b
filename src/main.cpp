// SPDX-License-Identifier: BSD-3-Clause
// MPI's lifetime, and the way from an exception to the exit status.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>

#include "cli/agree.hpp"
#include "cli/commands.hpp"
#include "cli/launch.hpp"
#include "cli/options.hpp"
#include "comm/communicator.hpp"
#include "core/error.hpp"
#include "study/interrupt.hpp"

namespace {

using namespace knowscale;

int status_of(ExitStatus status) { return static_cast<int>(status); }

// One line that names value and remedy, whatever was in the message.
void print_error(const char* message) { fmt::print(stderr, "knowscale: error: {}\n", message); }

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
      require_one_world(world.size(), launch.rank, launch.size);
      agree_on_launch(world, {argv, argv + argc});
      Options options;
      world.together([&] { options = parse_options(argc, argv); });
      catch_stop_signals();
      return status_of(execute(options, world));
    } catch (const CollectiveError& error) {
      if (world.is_root()) print_error(error.what());
      return status_of(error.status());
    } catch (const Error& error) {
      if (world.size() > 1) throw;
      if (launch.speaks()) print_error(error.what());
      return status_of(error.status());
    }
  } catch (const Error& error) {  // of one rank, while others may be waiting for it
    print_error(error.what());
    abort_all_ranks(status_of(error.status()));
  } catch (const std::bad_alloc&) {
    print_error("out of memory: use more ranks, a smaller m, or a node with more memory");
    abort_all_ranks(status_of(ExitStatus::resource));
  } catch (const std::exception& error) {
    print_error(error.what());
    abort_all_ranks(status_of(ExitStatus::resource));
  }
}

// Whether these words start a parallel job; so does a mistake of one rank, which the others must learn of.
bool is_parallel(const Launch& launch, int argc, char** argv) {
  try {
    return needs_mpi(parse_options(argc, argv));
  } catch (const Error&) {
    if (launch.size > 1) return true;
    throw;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Launch launch;
  try {
    if (is_parallel(launch, argc, argv)) return run_with_mpi(launch, argc, argv);
    return launch.rank == 0 ? status_of(execute_alone(parse_options(argc, argv))) : status_of(ExitStatus::valid);
  } catch (const Error& error) {
    if (launch.rank == 0) print_error(error.what());
    return status_of(error.status());
  }
}
