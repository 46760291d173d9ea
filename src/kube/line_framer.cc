#include "line_framer.h"

namespace spillway::kube {
namespace {
constexpr std::size_t kKeptCapacity = std::size_t{1}
                                      << 20;  // one huge object must not hold memory for ever
}

void LineFramer::append(std::string_view bytes) {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.empty() && buffer_.capacity() > kKeptCapacity) buffer_ = {};
  buffer_ += bytes;
}

Result<std::optional<std::string>> LineFramer::next() {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    const std::size_t length = (end == std::string::npos ? buffer_.size() : end) - begin_;
    if (length > max_line_bytes_) {
      return fail(ErrorCode::kInternal, "a line of the watch is longer than " +
                                            std::to_string(max_line_bytes_) + " bytes");
    }
    if (end == std::string::npos) {
      scanned_ = buffer_.size();
      return std::nullopt;
    }
    std::string line = buffer_.substr(begin_, length);
    begin_ = scanned_ = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) return line;
  }
}

std::optional<std::string> LineFramer::rest() {
  std::string line = buffer_.substr(begin_);
  buffer_.clear();
  begin_ = scanned_ = 0;
  if (line.empty()) return std::nullopt;
  return line;
}

}  // namespace spillway::kube
