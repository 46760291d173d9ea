#pragma once
// Cuts the body of a watch into lines, whatever the chunks. No byte is looked at twice.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <spillway/core/result.h>

namespace spillway::kube {

class LineFramer {
 public:
  explicit LineFramer(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  void append(std::string_view bytes);
  // The next whole line without its end; empty lines are skipped. kInternal once a line is longer
  // than allowed.
  Result<std::optional<std::string>> next();
  // At the end of the body: what is left without a line end, if anything.
  std::optional<std::string> rest();

 private:
  std::size_t max_line_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of the line that is being read
  std::size_t scanned_ = 0;  // up to here there is no line end
};

}  // namespace spillway::kube
