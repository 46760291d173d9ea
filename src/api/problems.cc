#include "problems.h"

#include <spillway/core/text.h>

namespace spillway::api {

std::string Path::to_string() const {
  std::string text = parent == nullptr ? std::string() : parent->to_string();
  if (index != kNoIndex) return text + "[" + std::to_string(index) + "]";
  if (!text.empty() && !name.empty()) text += '.';
  return text + std::string(name);
}

void Problems::add(const Path& path, std::string_view sentence) {
  if (++count_ > kShown) return;
  const std::string place = path.to_string();
  sentences_.push_back(place.empty() ? std::string(sentence)
                                     : place + ": " + std::string(sentence));
}

Result<void> Problems::result() const {
  if (sentences_.empty()) return {};
  std::string text = join(sentences_, "; ");
  if (count_ > kShown)
    text += "; and " + plural(static_cast<std::int64_t>(count_ - kShown), "more problem");
  return invalid(std::move(text));
}

}  // namespace spillway::api
