// SPDX-License-Identifier: BSD-3-Clause
// What the device can do at best, as ceilings.hpp of the host: measured, never looked up.
#pragma once

namespace knowscale::cuda {

struct DeviceRates {
  // Bytes/s of its memory: of a copy, what is read plus what is written, and of a plain read. Of buffers much larger
  // than the last level of cache.
  double copy = 0;
  double read = 0;
  // FLOP/s of large products by cuBLASLt, sums in f32, of random numbers: zeros run faster.
  double f32 = 0;
  double tf32 = 0;
  double bf16 = 0;
  double f16 = 0;
};

// Medians over about so many seconds for each, on the device in use. Throws Error(resource) where there is none.
DeviceRates measure_device_rates(double seconds_each);

}  // namespace knowscale::cuda
