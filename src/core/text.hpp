// SPDX-License-Identifier: BSD-3-Clause
// Texts from outside (labels, environment, paths) may hold any bytes. Files take UTF-8 alone, terminals no control
// characters: what is neither is written as Python shows bytes, \xE9, so that it stays readable.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace knowscale {

// Whether the text is UTF-8 as RFC 3629 has it: shortest forms, no surrogates, none above U+10FFFF, and no NUL, which
// would end it in a file.
bool is_utf8(std::string_view text);

// The text with \xHH for every byte that belongs to no character; unchanged where it is UTF-8.
std::string as_utf8(std::string_view text);

// As one line for a terminal: control characters, which could move the cursor or forge a line, are escaped as well.
std::string printable(std::string_view text);

// At most `bytes` (4 or more) bytes of UTF-8: whole characters, and an ellipsis in the place of what was cut.
std::string shortened(std::string_view text, std::size_t bytes);

// Some text of a user as it may stand in a message: one line of at most so many bytes, before what is escaped.
inline std::string one_line(std::string_view text, std::size_t most = 160) { return printable(shortened(text, most)); }

}  // namespace knowscale
