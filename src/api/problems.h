#pragma once
// What is wrong with an object, each with the path of the field: "spec.capacity.spotPercent: 120 is
// above 100: ...".

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/result.h>

namespace spillway::api {

// A field's place, as a chain on the stack: text is only made of it when there is a problem.
struct Path {
  static constexpr std::size_t kNoIndex = static_cast<std::size_t>(-1);

  const Path* parent = nullptr;
  std::string_view name;
  std::size_t index = kNoIndex;

  [[nodiscard]] std::string to_string() const;  // "spec.accelerator.models[1].name"
};

class Problems {
 public:
  // `sentence` is "<what stands there>: <what to write instead>".
  void add(const Path& path, std::string_view sentence);
  [[nodiscard]] bool empty() const { return sentences_.empty(); }
  // All of them in one line; at most kShown are listed, the rest is counted.
  [[nodiscard]] Result<void> result() const;

 private:
  static constexpr std::size_t kShown = 10;
  std::vector<std::string> sentences_;
  std::size_t count_ = 0;
};

}  // namespace spillway::api
