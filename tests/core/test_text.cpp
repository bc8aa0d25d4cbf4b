// SPDX-License-Identifier: BSD-3-Clause
#include "core/text.hpp"

#include <gtest/gtest.h>

namespace knowscale {
namespace {

using namespace std::string_literals;

TEST(Text, OfWholeCharactersIsUtf8) {
  for (const char* text :
       {"", "plain", "\xc3\x85ngstr\xc3\xb6m", "\xe6\x97\xa5", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "a\tb\n"})
    EXPECT_TRUE(is_utf8(text)) << text;
}

TEST(Text, OfOtherBytesIsNot) {
  // Latin-1; cut; a stray continuation; longer than needed; a surrogate; above U+10FFFF; NUL.
  for (const std::string& text : {"caf\xe9"s, "\xe6\x97"s, "a\x97"s, "\xc0\xaf"s, "\xe0\x80\xaf"s, "\xed\xa0\x80"s,
                                  "\xf4\x90\x80\x80"s, "\xff"s, "a\0b"s})
    EXPECT_FALSE(is_utf8(text)) << text;
}

TEST(Text, OfOtherBytesStaysReadable) {
  EXPECT_EQ(as_utf8("caf\xe9"), "caf\\xE9");
  EXPECT_EQ(as_utf8("\xe6\x97\xa5\xe6\x97"), "\xe6\x97\xa5\\xE6\\x97");
  EXPECT_EQ(as_utf8("a\0b"s), "a\\x00b");
  EXPECT_EQ(as_utf8("line\nline \xc3\xa9"), "line\nline \xc3\xa9");
  for (int byte = 0; byte < 256; ++byte) EXPECT_TRUE(is_utf8(as_utf8("x"s + static_cast<char>(byte) + "y"))) << byte;
}

TEST(Text, OnATerminalIsOneLineWithoutControlCharacters) {
  EXPECT_EQ(printable("a\tb\n\x1b[31mX\x7f"), "a\\tb\\n\\x1B[31mX\\x7F");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xC2\\x9B31m");  // CSI in one character
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "abc"),
            "\\xE2\\x80\\xAE"
            "abc");  // right to left
  EXPECT_EQ(printable("na\xc3\xafve"), "na\xc3\xafve");
}

TEST(Text, IsShortenedAtACharacter) {
  EXPECT_EQ(shortened("short", 5), "short");
  EXPECT_EQ(shortened("longer text", 8), "longe\xe2\x80\xa6");
  EXPECT_EQ(shortened("\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5", 8), "\xe6\x97\xa5\xe2\x80\xa6");
  for (std::size_t bytes = 4; bytes < 40; ++bytes) {
    const std::string cut = shortened("\xf0\x9f\x98\x80 a\xff\xc3\xa9 and more of it, as long as a passage", bytes);
    EXPECT_TRUE(is_utf8(cut)) << bytes;
    EXPECT_LE(cut.size(), bytes);
  }
}

}  // namespace
}  // namespace knowscale
