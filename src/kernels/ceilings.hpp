// SPDX-License-Identifier: BSD-3-Clause
// What the CPU can do at best: the rates that results are held against. Measured, never looked up.
#pragma once

#include <cstdint>
#include <span>

#include "core/matrix.hpp"
#include "kernels/threads.hpp"

namespace knowscale {

// FLOP/s of independent fused multiply-adds on the widest vectors, all threads together (2 FLOP an FMA and
// lane); best of several short runs over about `seconds`. Of Bf16: of products of pairs with sums in f32 where the CPU
// has them (4 FLOP a lane), else that of float.
template <class T>
double fma_rate(const Threads& threads, double seconds);

// Bytes/s at which all threads together read `buffer` once, front to back, each its own part; best of
// several passes over about `seconds`. Make the buffer larger than the last-level cache; it must have
// been written.
double read_rate(const Threads& threads, std::span<const double> buffer, double seconds);

// Size of the last-level cache that this rank can use, in bytes; 32 MiB where the system does not tell.
std::int64_t last_level_cache_bytes();

}  // namespace knowscale
