// SPDX-License-Identifier: BSD-3-Clause
// What a study may say, each key in one row: what it means, what may stand there, what it is where nothing does, where
// that lies in a case, and what its column of the result is for. Parsing, validation, expansion, the digest of a run,
// labels, the console, the columns of /cases and `knowscale list keys` follow from these rows. A new key is a row, and
// a field of Case.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "campaign/limits.hpp"
#include "problem/case.hpp"
#include "record/table.hpp"

namespace knowscale {

// What stands at a key; nothing where it is left open: to the model, the file, the kernel or the machine. Flags are
// "yes" or "no".
using KeyValue = std::variant<std::monostate, std::int64_t, double, std::string>;

struct Name {};  // or a path: 1 to kMostNameBytes bytes without control characters
struct Flag {};
using OneOf = std::vector<std::string>;
using Kind = std::variant<WholeNumbers, RealNumbers, OneOf, Flag, Name>;

struct Key {
  std::string_view name;
  std::string_view meaning;
  Kind kind;
  KeyValue otherwise;          // where the campaign says nothing
  std::string_view open = "";  // in words, where that is none
  std::string_view word = "";  // that may stand in place of a number
  bool many = true;            // a list of values makes a case each
};

struct CaseKey : Key {
  Role role = Role::none;
  std::string_view units = "1";
  std::function<KeyValue(const Case&)> get = nullptr;
  std::function<void(Case&, const KeyValue&)> set = nullptr;  // none: 0, "-" or the first choice
  KeyValue (*implied)(const Case&) = nullptr;  // what an open one becomes, where keys before it decide that
  bool (*used)(const Case&) = nullptr;         // recorded as "-" where the case has no use for it

  KeyValue recorded(const Case& c) const { return used == nullptr || used(c) ? get(c) : std::string(kUnused); }
};

// In the order in which expansion goes through them, the first outermost.
std::span<const CaseKey> case_keys();

// Throws std::out_of_range.
const CaseKey& case_key(std::string_view name);

// "512", "0.125", "gaussian", "yes"; "" for none.
std::string text_of(const KeyValue& value);

// What may stand there, as in "give ...": "a whole number of at least 1 and at most 4096, or "all"".
std::string text_of(const Kind& kind, std::string_view word);

// Every key and its value, and all else that decides a case's result, as text: equal for equal cases alone.
std::string identity_of(const Case& c);

// "strong: knowledge/blas/packed f32, n 512 x m 65536 x d 64, batch 1, 2 ranks x 1 thread", and behind it what is not
// as usual.
std::string case_label(const Case& c);

// Its columns of /cases, a row.
std::vector<Column> case_columns(const Case& c);

}  // namespace knowscale
