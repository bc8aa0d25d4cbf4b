// SPDX-License-Identifier: BSD-3-Clause
// Texts of users as they may stand in a message.
#pragma once

#include <string>
#include <string_view>

namespace knowscale {

// One line of at most some hundred characters: control characters become "?", and what is longer is cut ("...").
inline std::string one_line(std::string_view text, std::size_t most = 160) {
  std::string line(text.substr(0, most));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (text.size() <= most) return line;
  while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xC0) == 0x80) line.pop_back();  // no half letter
  if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xC0) line.pop_back();
  return line + "...";
}

}  // namespace knowscale
