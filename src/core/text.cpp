// SPDX-License-Identifier: BSD-3-Clause
#include "core/text.hpp"

#include <algorithm>

namespace knowscale {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t size = 0;  // bytes; 0: no character begins here
};

Character character_at(std::string_view text, std::size_t begin) {
  constexpr char32_t kLeast[] = {0, 1, 0x80, 0x800, 0x10000};  // of each size; what is less has a shorter form
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[begin + i]); };
  const unsigned lead = byte(0);
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
  if (size == 0 || size > text.size() - begin) return {};
  char32_t code = size == 1 ? lead : lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0u) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fu);
  }
  const bool surrogate = 0xd800 <= code && code < 0xe000;
  return code < kLeast[size] || code > 0x10ffff || surrogate ? Character{} : Character{code, size};
}

// C0, DEL and C1; line and paragraph separators; marks that turn the direction of what follows.
bool is_control(char32_t code) {
  return code < 0x20 || (0x7f <= code && code < 0xa0) || (0x2028 <= code && code <= 0x202e) ||
         (0x2066 <= code && code <= 0x2069);
}

// The text with the bytes escaped of all that is no character, or one that `unwanted` names.
template <class Unwanted>
std::string escaped(std::string_view text, const Unwanted& unwanted) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Character character = character_at(text, i);
    const std::size_t size = std::max<std::size_t>(character.size, 1);
    if (character.size > 0 && !unwanted(character.code)) {
      out += text.substr(i, size);
    } else {
      for (const char c : text.substr(i, size)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n' || c == '\t') {
          out += c == '\n' ? "\\n" : "\\t";
        } else {
          out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
        }
      }
    }
    i += size;
  }
  return out;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const Character character = character_at(text, i);
    if (character.size == 0) return false;
    i += character.size;
  }
  return true;
}

std::string as_utf8(std::string_view text) {
  return escaped(text, [](char32_t) { return false; });
}

std::string printable(std::string_view text) { return escaped(text, is_control); }

std::string shortened(std::string_view text, std::size_t bytes) {
  constexpr std::string_view kEllipsis = "\xe2\x80\xa6";
  const std::string whole = as_utf8(text.substr(0, bytes + 1));
  if (text.size() <= bytes && whole.size() <= bytes) return whole;
  std::size_t end = 0;
  for (std::size_t size = 0; end + size + kEllipsis.size() <= bytes && end + size < whole.size();) {
    end += size;
    size = character_at(whole, end).size;
  }
  return whole.substr(0, end) + std::string(kEllipsis);
}

}  // namespace knowscale
