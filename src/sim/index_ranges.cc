#include "index_ranges.h"

#include <vector>

#include <spillway/core/text.h>

namespace spillway::sim {

std::set<int> parse_ranges(std::string_view text) {
  std::set<int> indexes;
  if (text.empty()) return indexes;
  for (const auto part : split(text, ',')) {
    const auto dash = part.find('-');
    const int first = std::stoi(std::string(part.substr(0, dash)));
    const int last =
        dash == std::string_view::npos ? first : std::stoi(std::string(part.substr(dash + 1)));
    for (int index = first; index <= last; ++index)
      indexes.insert(index);
  }
  return indexes;
}

std::string write_ranges(const std::set<int>& indexes) {
  std::vector<std::string> parts;
  for (auto at = indexes.begin(); at != indexes.end();) {
    const int first = *at;
    int last = first;
    for (++at; at != indexes.end() && *at == last + 1; ++at)
      last = *at;
    if (last == first)
      parts.push_back(std::to_string(first));
    else
      parts.push_back(std::to_string(first) + (last == first + 1 ? "," : "-") +
                      std::to_string(last));
  }
  return join(parts, ",");
}

}  // namespace spillway::sim
