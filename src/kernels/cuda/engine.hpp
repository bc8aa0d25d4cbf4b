// SPDX-License-Identifier: BSD-3-Clause
// The device of this rank as an engine: all that the rest of the program knows of this folder.
#pragma once

#include "kernels/engine.hpp"

namespace knowscale::cuda {

const Engine& engine();

}  // namespace knowscale::cuda
