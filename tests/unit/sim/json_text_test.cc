#include "json_text.h"

#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace spillway::sim {
namespace {

using nlohmann::json;

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

TEST(JsonText, is_what_the_library_would_write) {
  const json values = json::array({
      json(nullptr),
      json(true),
      json(false),
      json(0),
      json(-1),
      json(std::numeric_limits<std::int64_t>::min()),
      json(std::numeric_limits<std::uint64_t>::max()),
      json(0.1),
      json(1e300),
      json(std::numeric_limits<double>::quiet_NaN()),
      json(""),
      json("plain text, with {braces} and /slashes/"),
      json("quote \" backslash \\ slash /"),
      json("line\nbreak\ttab\x01\x1F\x7F"),
      json("Zürich 東京 \xF0\x9F\x8C\x8A"),
      json(std::string("broken \xC3 \xFF \x80 here")),
      json(std::string("nul\0inside", 10)),
      json::array(),
      json::object(),
      json::array({json::array(), json::object()}),
      json{{"", 1}, {"a\"b", {{"c", json::array({1, -2, "x"})}}}, {"é", nullptr}},
      json::binary({1, 2, 3}),
  });
  for (const json& value : values)
    EXPECT_EQ(json_text(value), dumped(value));
  EXPECT_EQ(json_text(values), dumped(values));
}

TEST(JsonText, every_byte_in_a_text_is_written_as_the_library_would) {
  for (int byte = 0; byte < 256; ++byte) {
    const json value(std::string("a") + static_cast<char>(byte) + "b");
    EXPECT_EQ(json_text(value), dumped(value)) << "byte " << byte;
  }
}

}  // namespace
}  // namespace spillway::sim
