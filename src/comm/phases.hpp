// SPDX-License-Identifier: BSD-3-Clause
// Where the time of one run went.
#pragma once

namespace knowscale {

// How long this rank did what, in one run, in seconds. The rest of a run is exchange that nothing hid, and waiting for
// slower ranks in it.
struct Phases {
  double compute = 0;
  double waited = 0;  // for a predecessor, where a model makes a rank wait before it may compute
  double hidden = 0;  // of compute: while messages were under way
  double copied = 0;  // between host and device; of compute, or of the exchange that starts or ends on a device
};

}  // namespace knowscale
