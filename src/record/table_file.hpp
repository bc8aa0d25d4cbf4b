// SPDX-License-Identifier: BSD-3-Clause
// Tables and matrices in HDF5: a group a table, a 1-D dataset a column, with a dimension scale `row` attached
// to every column, so that xarray and netCDF readers open them.
#pragma once

#include <string>

#include "core/matrix.hpp"
#include "problem/h5.hpp"
#include "record/table.hpp"

namespace knowscale {

// Writes `table` as a group of that name. Columns of equal length.
void write_table(hid_t file, const Table& table);

// Reads the group `name`; a table without columns where there is none.
Table read_table(hid_t file, const std::string& name);

// Writes a 2-D f64 dataset; intermediate groups of `path` are made.
void write_matrix(hid_t file, const std::string& path, const Matrix<double>& matrix);

}  // namespace knowscale
