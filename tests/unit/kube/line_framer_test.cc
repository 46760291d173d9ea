#include "line_framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::kube {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> lines_of(LineFramer& framer) {
  std::vector<std::string> lines;
  while (true) {
    auto line = framer.next();
    if (!line || !*line) return lines;
    lines.push_back(**std::move(line));
  }
}

TEST(LineFraming, DoesNotCareHowTheBytesArrive) {
  const std::string body = "one\ntwo\r\n\nthree and more\nrest";
  for (std::size_t chunk = 1; chunk <= body.size(); ++chunk) {
    LineFramer framer(100);
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < body.size(); at += chunk) {
      framer.append(body.substr(at, chunk));
      for (std::string& line : lines_of(framer))
        lines.push_back(std::move(line));
    }
    EXPECT_THAT(lines, ElementsAre("one", "two", "three and more")) << "chunks of " << chunk;
    EXPECT_EQ(framer.rest(), "rest");
    EXPECT_EQ(framer.rest(), std::nullopt);
  }
}
TEST(LineFraming, RefusesALineAboveTheLimitBeforeItsEndIsThere) {
  LineFramer framer(8);
  framer.append("12345678\n12345678");
  EXPECT_THAT(lines_of(framer), ElementsAre("12345678"));
  framer.append("9");
  EXPECT_FALSE(framer.next());
  LineFramer whole(8);
  whole.append("123456789\n");
  EXPECT_FALSE(whole.next());
}
TEST(LineFraming, TakesTimeLinearInALongLine) {
  LineFramer framer(std::size_t{64} << 20);
  const std::string piece(4096, 'x');
  for (int i = 0; i < 8192; ++i) {  // 32 MiB; scanning from the start each time would be 128 GiB
    framer.append(piece);
    ASSERT_TRUE(framer.next());
  }
  framer.append("\n");
  const auto line = framer.next();
  ASSERT_TRUE(line && *line);
  EXPECT_EQ((*line)->size(), std::size_t{32} << 20);
}

}  // namespace
}  // namespace spillway::kube
